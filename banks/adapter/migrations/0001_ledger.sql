-- +goose Up
CREATE TABLE adapter_part (
    acquirer TEXT    NOT NULL,
    rrn      TEXT    NOT NULL,
    code3    TEXT    NOT NULL,
    part     TEXT    NOT NULL, -- original, reversal, completion
    type     TEXT    NOT NULL, -- empty for an original known by its reversal only
    account  BLOB    NOT NULL, -- keyed index
    state    TEXT    NOT NULL, -- running, answered
    reversed INTEGER NOT NULL, -- of an original: it must not be done any more
    code     TEXT    NOT NULL, -- F39 of the answer
    fields   BLOB,             -- what else it says, sealed
    seen     INTEGER NOT NULL, -- how often the part arrived
    first_at INTEGER NOT NULL, -- unix ms
    ended_at INTEGER NOT NULL, -- unix ms, 0 while running
    PRIMARY KEY (acquirer, rrn, code3, part)
) WITHOUT ROWID;

CREATE TABLE adapter_arrival (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL, -- unix ms
    link     TEXT    NOT NULL,
    acquirer TEXT    NOT NULL,
    rrn      TEXT    NOT NULL,
    code3    TEXT    NOT NULL,
    part     TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    stan     TEXT    NOT NULL,
    sent     TEXT    NOT NULL,
    repeat   INTEGER NOT NULL, -- marked so by the sender
    called   INTEGER NOT NULL, -- core was called for it
    code     TEXT    NOT NULL, -- F39 of its answer, empty for none
    note     TEXT    NOT NULL
);
CREATE INDEX adapter_arrival_number ON adapter_arrival (acquirer, rrn, code3);

-- +goose Down
DROP TABLE adapter_arrival;
DROP TABLE adapter_part;
