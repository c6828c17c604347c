-- +goose Up
-- What the bank says by itself, until the switch has acknowledged it.
CREATE TABLE adapter_word (
    id       INTEGER PRIMARY KEY,
    type     TEXT    NOT NULL,
    account  BLOB    NOT NULL, -- keyed index: words of one account go in order
    stan     TEXT    NOT NULL,
    sent     TEXT    NOT NULL, -- F7, the same in every repeat
    rrn      TEXT    NOT NULL,
    fields   BLOB    NOT NULL, -- sealed
    state    TEXT    NOT NULL, -- waiting, told
    code     TEXT    NOT NULL, -- F39 of the acknowledgement
    attempts INTEGER NOT NULL, -- without an answer
    next     INTEGER NOT NULL, -- unix ms, not before
    at       INTEGER NOT NULL  -- unix ms, when it was stored
);
CREATE INDEX adapter_word_waiting ON adapter_word (account, id) WHERE state = 'waiting';

-- +goose Down
DROP TABLE adapter_word;
