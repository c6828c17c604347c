-- +goose Up
-- A certificate that was frozen is looked for whatever became of its customer.
CREATE INDEX customer_frozen ON customer (cert_ix) WHERE frozen = 1;
