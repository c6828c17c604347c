-- +goose Up
-- An authentication that is approved asks whether its own was given, inside the
-- transaction that ends it; operators are shown a customer's.
CREATE INDEX consent_entry ON consent (entry);
CREATE INDEX consent_customer ON consent (customer, id);
