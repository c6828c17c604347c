-- +goose Up
-- An attach registers the customer at the bank as an authentication does.
DROP INDEX entry_registration;
CREATE INDEX entry_registration ON entry (bank, account_ix) WHERE type IN ('authenticate', 'attach');

-- What banks said by themselves, so that a repeat is recognised.
CREATE TABLE heard (
  id        INTEGER PRIMARY KEY,
  bank      TEXT NOT NULL,
  type      TEXT NOT NULL,
  acquirer  TEXT NOT NULL,
  stan      TEXT NOT NULL,
  sent      TEXT NOT NULL,
  body_hash BLOB NOT NULL,
  code      TEXT NOT NULL, -- F39 of the answer
  at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX heard_number ON heard (bank, type, acquirer, stan, sent);

-- What was done here without a bank, once per idempotency key.
CREATE TABLE local (
  id        INTEGER PRIMARY KEY,
  key_hash  BLOB NOT NULL UNIQUE,
  body_hash BLOB NOT NULL,
  operation TEXT NOT NULL,
  customer  TEXT NOT NULL,
  answer    BLOB NOT NULL, -- sealed; never a token, a code or a password
  at        BIGINT NOT NULL
);
