-- +goose Up
ALTER TABLE image_properties ADD COLUMN value_start VARCHAR(64) NULL;

-- +goose Down
ALTER TABLE image_properties DROP COLUMN value_start;
