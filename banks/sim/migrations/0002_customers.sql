-- +goose Up
-- Accounts are numbers in the list of made-up people, as everywhere here.
CREATE TABLE sim_movement (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- unix ms
    out     INTEGER NOT NULL,
    amount  INTEGER NOT NULL, -- fen
    balance INTEGER NOT NULL, -- after it
    summary TEXT    NOT NULL
);
CREATE INDEX sim_movement_account ON sim_movement (account, at);

CREATE TABLE sim_status (
    account INTEGER PRIMARY KEY,
    status  TEXT    NOT NULL
);

CREATE TABLE sim_sms (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL, -- unix ms
    account INTEGER NOT NULL, -- -1 for none
    phone   TEXT    NOT NULL,
    code    TEXT    NOT NULL, -- empty where the text is no code's
    text    TEXT    NOT NULL
);

CREATE TABLE sim_visit (
    id        INTEGER PRIMARY KEY,
    acquirer  TEXT    NOT NULL,
    rrn       TEXT    NOT NULL,
    code3     TEXT    NOT NULL,
    branch    TEXT    NOT NULL,
    business  TEXT    NOT NULL,
    phone     TEXT    NOT NULL, -- masked
    cancelled INTEGER NOT NULL
);

-- +goose Down
DROP TABLE sim_visit;
DROP TABLE sim_sms;
DROP TABLE sim_status;
DROP TABLE sim_movement;
