-- +goose Up
ALTER TABLE revocation_events ADD COLUMN trust_id VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE revocation_events ADD COLUMN consumer_id VARCHAR(64) NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE revocation_events DROP COLUMN consumer_id;
ALTER TABLE revocation_events DROP COLUMN trust_id;
