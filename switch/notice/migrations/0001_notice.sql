-- +goose Up
-- What followers must be told, one row a notice. It stays for a while after it
-- was told, so that its ID is remembered. Times are Unix milliseconds.
CREATE TABLE notice (
  seq      INTEGER PRIMARY KEY,  -- the order in which they were written
  id       TEXT NOT NULL UNIQUE, -- follows from the cause
  channel  TEXT NOT NULL,
  subject  TEXT NOT NULL,
  lane     BLOB NOT NULL,        -- keyed index of the follower and the order
  head     INTEGER NOT NULL,     -- of the pending ones of a lane exactly one is
  kind     TEXT NOT NULL,
  data     BLOB NOT NULL,        -- sealed; emptied when it cannot be needed again
  at       BIGINT NOT NULL,      -- of the cause
  created  BIGINT NOT NULL,
  state    TEXT NOT NULL,
  round    INTEGER NOT NULL,     -- 1 + the failed deliveries
  claims   INTEGER NOT NULL,     -- each claim has its own number
  attempts INTEGER NOT NULL,
  next     BIGINT NOT NULL,      -- not before; of a claimed one the end of its lease
  ended    BIGINT NOT NULL DEFAULT 0,
  reported BIGINT NOT NULL DEFAULT 0, -- the last delivery event's time
  answer   TEXT NOT NULL DEFAULT '',
  note     TEXT NOT NULL DEFAULT ''   -- what operators did
);
CREATE INDEX notice_due ON notice (channel, next) WHERE head = 1;
CREATE UNIQUE INDEX notice_head ON notice (lane) WHERE head = 1;
CREATE INDEX notice_lane ON notice (lane, seq) WHERE state = 'pending';
CREATE INDEX notice_follower ON notice (channel, subject) WHERE state IN ('pending', 'parked');
CREATE INDEX notice_state ON notice (state, seq);
CREATE INDEX notice_ended ON notice (ended) WHERE ended > 0;
