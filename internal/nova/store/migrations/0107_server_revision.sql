-- +goose Up
ALTER TABLE servers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE servers DROP COLUMN revision;
