-- +goose Up
-- What is on its way to a bank: few, whatever waits.
CREATE INDEX advice_claimed ON advice (bank, claimed) WHERE state = 'pending' AND claimed > 0;
