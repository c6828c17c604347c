-- +goose Up
-- The last code is the one that was made last, whatever the clock said then.
CREATE INDEX sms_code_last ON sms_code (customer, purpose, id);
-- used_by is also the transaction whose newer code made this one void.
