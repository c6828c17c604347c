-- +goose Up
-- Of an account: what is not acknowledged, whether it is to be sent or waits for
-- an operator.
CREATE INDEX advice_unsettled ON advice (bank, account_ix) WHERE state IN ('pending', 'parked');
