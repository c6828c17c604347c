-- +goose Up
-- What was decided about each change, so that a second call of the core for it
-- changes nothing. Accounts are numbers in the list of made-up people.
CREATE TABLE sim_decision (
    acquirer TEXT    NOT NULL,
    rrn      TEXT    NOT NULL,
    code3    TEXT    NOT NULL,
    part     TEXT    NOT NULL, -- operation, reversal
    code     TEXT    NOT NULL,
    PRIMARY KEY (acquirer, rrn, code3, part)
) WITHOUT ROWID;

-- What changed at the bank, in order.
CREATE TABLE sim_effect (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL, -- unix ms
    acquirer TEXT    NOT NULL,
    rrn      TEXT    NOT NULL,
    code3    TEXT    NOT NULL,
    what     TEXT    NOT NULL, -- registered, deregistered, reversed
    account  INTEGER NOT NULL
);
CREATE INDEX sim_effect_number ON sim_effect (acquirer, rrn, code3);

-- The approved authentications of each account. A registration stands while one
-- of them has not ended.
CREATE TABLE sim_registration (
    id       INTEGER PRIMARY KEY, -- in the order of approval
    account  INTEGER NOT NULL,
    acquirer TEXT    NOT NULL,
    rrn      TEXT    NOT NULL,
    code3    TEXT    NOT NULL,
    ended    TEXT    NOT NULL     -- the number that ended it, empty while it stands
);
CREATE INDEX sim_registration_account ON sim_registration (account, ended);

-- +goose Down
DROP TABLE sim_registration;
DROP TABLE sim_effect;
DROP TABLE sim_decision;
