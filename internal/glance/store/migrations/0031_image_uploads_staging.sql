-- +goose Up
ALTER TABLE image_uploads ADD COLUMN staging BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE image_uploads DROP COLUMN staging;
