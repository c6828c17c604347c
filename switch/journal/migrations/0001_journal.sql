-- +goose Up
-- One row per transaction. Times are Unix milliseconds. STAN is the last six
-- digits of id; RRN is id, or joins where the row joined another's operation.
CREATE TABLE entry (
  id         INTEGER PRIMARY KEY,
  key_hash   BLOB,
  body_hash  BLOB NOT NULL,
  type       TEXT NOT NULL,
  customer   TEXT NOT NULL,
  bank       TEXT NOT NULL,
  account_ix BLOB NOT NULL,
  asked      BLOB NOT NULL, -- sealed: account and fields
  sending    TEXT NOT NULL, -- MTI, F3, F7, instance, operation and client, between spaces
  joins      BIGINT NOT NULL,
  opened     BIGINT NOT NULL,
  deadline   BIGINT NOT NULL,
  open       INTEGER NOT NULL,
  holds      INTEGER NOT NULL,
  outcome    TEXT NOT NULL DEFAULT '',
  reason     TEXT NOT NULL DEFAULT '',
  code       TEXT NOT NULL DEFAULT '',
  reply      BLOB, -- sealed
  ended      BIGINT NOT NULL DEFAULT 0,
  standing   TEXT NOT NULL DEFAULT '',
  late       INTEGER NOT NULL DEFAULT 0,
  late_code  TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX entry_key ON entry (key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX entry_open ON entry (deadline) WHERE open = 1;
-- One change at a time: at most one row holds an account.
CREATE UNIQUE INDEX entry_holds ON entry (bank, account_ix) WHERE holds = 1;
CREATE INDEX entry_holds_customer ON entry (customer) WHERE holds = 1 AND customer <> '';
CREATE INDEX entry_registration ON entry (bank, account_ix) WHERE type = 'authenticate';

CREATE TABLE advice (
  id         INTEGER PRIMARY KEY,
  entry      INTEGER NOT NULL REFERENCES entry (id),
  type       TEXT NOT NULL,
  bank       TEXT NOT NULL,
  account_ix BLOB NOT NULL,
  state      TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  next       BIGINT NOT NULL,
  claimed    BIGINT NOT NULL,
  created    BIGINT NOT NULL,
  -- Approved registrations of the account when it was stored: more of them
  -- since then are newer, whatever the clocks and numbers of instances say.
  approved   INTEGER NOT NULL,
  last_code  TEXT NOT NULL DEFAULT '',
  note       TEXT NOT NULL DEFAULT '',
  UNIQUE (entry, type)
);
CREATE INDEX advice_pending ON advice (bank, next) WHERE state = 'pending';
CREATE INDEX advice_waiting ON advice (bank, account_ix, id) WHERE state = 'pending';

-- Until when the stamps of a slot of STANs may have been used, so that a slot
-- that comes round again never repeats one.
CREATE TABLE stan_slot (
  slot       INTEGER PRIMARY KEY,
  used_until BIGINT NOT NULL
);
CREATE TABLE mark (
  name  TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);
