-- +goose Up
-- One row per follower from its first visit on; never deleted. Times are Unix
-- milliseconds, 0 for never. Sealed columns are bound to their row.
CREATE TABLE customer (
  id          TEXT PRIMARY KEY, -- random, ours, never told to a bank
  channel     TEXT NOT NULL,
  subject     TEXT NOT NULL,
  followed    INTEGER NOT NULL,
  state       TEXT NOT NULL,
  prior       TEXT NOT NULL,    -- where an authentication that fails goes back to
  version     BIGINT NOT NULL,
  frozen      INTEGER NOT NULL,
  cert_type   TEXT NOT NULL,
  cert_ix     BLOB,             -- keyed index of type and number
  cert        BLOB,             -- sealed
  holder      BLOB,             -- sealed: 户名 as the primary's bank told it
  login_hash  TEXT NOT NULL,    -- argon2id, over a pepper that is not here
  login_wrong INTEGER NOT NULL,
  login_locks INTEGER NOT NULL,
  login_until BIGINT NOT NULL,
  pay_hash    TEXT NOT NULL,
  pay_wrong   INTEGER NOT NULL,
  pay_locks   INTEGER NOT NULL,
  pay_until   BIGINT NOT NULL,
  setup_until BIGINT NOT NULL,  -- passwords may be set until then without the old ones
  told        INTEGER NOT NULL, -- consents to notices of movements
  created     BIGINT NOT NULL,
  changed     BIGINT NOT NULL,
  UNIQUE (channel, subject)
);
CREATE INDEX customer_ended ON customer (changed) WHERE state IN ('deregistered', 'superseded') AND cert IS NOT NULL;
-- One certificate, one active follower (A13).
CREATE UNIQUE INDEX customer_cert ON customer (cert_ix) WHERE state IN ('authenticated', 'deregistering');

CREATE TABLE customer_history (
  id         INTEGER PRIMARY KEY,
  customer   TEXT NOT NULL,
  at         BIGINT NOT NULL,
  event      TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  entry      BIGINT NOT NULL, -- the transaction, 0 for none
  who        TEXT NOT NULL,   -- follower, bank, operator and name
  note       TEXT NOT NULL
);
CREATE INDEX customer_history_customer ON customer_history (customer, id);
-- +goose StatementBegin
CREATE TRIGGER customer_history_kept BEFORE UPDATE ON customer_history
BEGIN SELECT RAISE(ABORT, 'history is never rewritten'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER customer_history_stays BEFORE DELETE ON customer_history
BEGIN SELECT RAISE(ABORT, 'history is never rewritten'); END;
-- +goose StatementEnd

CREATE TABLE consent (
  id       INTEGER PRIMARY KEY,
  customer TEXT NOT NULL,
  kind     TEXT NOT NULL, -- terms, notices
  version  TEXT NOT NULL,
  at       BIGINT NOT NULL,
  entry    BIGINT NOT NULL
);

CREATE TABLE link (
  id         TEXT PRIMARY KEY, -- random: it stands in URLs
  customer   TEXT NOT NULL,
  bank       TEXT NOT NULL,
  account_ix BLOB NOT NULL,
  account    BLOB NOT NULL,   -- sealed
  suffix     TEXT NOT NULL,   -- last four digits
  holder     BLOB,            -- sealed: 户名 as its bank told it
  role       TEXT NOT NULL,   -- primary, attached
  state      TEXT NOT NULL,   -- pending, active, detaching, ended
  entry      BIGINT NOT NULL, -- the transaction that registered it at the bank
  created    BIGINT NOT NULL,
  changed    BIGINT NOT NULL
);
CREATE UNIQUE INDEX link_customer ON link (customer, bank, account_ix) WHERE state <> 'ended';
CREATE UNIQUE INDEX link_primary ON link (customer) WHERE role = 'primary' AND state <> 'ended';
CREATE INDEX link_account ON link (bank, account_ix) WHERE state IN ('active', 'detaching');
CREATE INDEX link_entry ON link (entry);
CREATE INDEX link_ended ON link (customer, created);

CREATE TABLE sms_code (
  id         INTEGER PRIMARY KEY,
  customer   TEXT NOT NULL,
  purpose    TEXT NOT NULL,
  bank       TEXT NOT NULL,
  account_ix BLOB NOT NULL,
  code_hash  BLOB NOT NULL,   -- keyed, over customer, account, purpose and code
  sent       BIGINT NOT NULL,
  wrong      INTEGER NOT NULL,
  state      TEXT NOT NULL,   -- sent, unsent, void, used
  entry      BIGINT NOT NULL, -- the transaction that sent it
  used_by    BIGINT NOT NULL  -- the transaction that used it, 0 for none
);
CREATE INDEX sms_code_customer ON sms_code (customer, purpose, sent);
CREATE INDEX sms_code_account ON sms_code (account_ix, sent);
CREATE INDEX sms_code_entry ON sms_code (entry);
CREATE INDEX sms_code_used ON sms_code (used_by) WHERE used_by <> 0;

CREATE TABLE session (
  id         TEXT PRIMARY KEY,
  customer   TEXT NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  created    BIGINT NOT NULL,
  used       BIGINT NOT NULL,
  ended      BIGINT NOT NULL, -- 0 while it is open
  why        TEXT NOT NULL
);
CREATE INDEX session_customer ON session (customer) WHERE ended = 0;
CREATE INDEX session_created ON session (created);

CREATE TABLE page_key (
  kid     TEXT PRIMARY KEY,
  private BLOB NOT NULL, -- sealed
  created BIGINT NOT NULL
);
-- The nonces that were spent. Those given out are not kept: they prove themselves.
CREATE TABLE page_nonce (
  nonce   TEXT PRIMARY KEY,
  expires BIGINT NOT NULL
);
CREATE INDEX page_nonce_expires ON page_nonce (expires);

CREATE TABLE visit (
  id       INTEGER PRIMARY KEY,
  customer TEXT NOT NULL,
  phone_ix BLOB NOT NULL,
  at       BIGINT NOT NULL,
  entry    BIGINT NOT NULL
);
CREATE INDEX visit_customer ON visit (customer, at);
CREATE INDEX visit_phone ON visit (phone_ix, at);
CREATE INDEX visit_entry ON visit (entry);

-- What a front without memory keeps here. Ids rise, so that the first and the
-- last bound the number of rows.
CREATE TABLE talk (
  id      INTEGER PRIMARY KEY,
  name    BLOB NOT NULL UNIQUE, -- keyed index of the follower
  value   BLOB NOT NULL,        -- sealed
  expires BIGINT NOT NULL
);
CREATE INDEX talk_expires ON talk (expires);
CREATE TABLE once (
  id      INTEGER PRIMARY KEY,
  name    BLOB NOT NULL UNIQUE, -- keyed index
  value   BLOB NOT NULL,        -- sealed
  expires BIGINT NOT NULL
);
CREATE INDEX once_expires ON once (expires);
