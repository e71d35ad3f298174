-- +goose Up
ALTER TABLE image_properties ADD COLUMN value_start VARCHAR(64) NULL;
UPDATE image_properties SET value_start = SUBSTR(value, 1, 64);
CREATE INDEX image_properties_by_value ON image_properties (name, value_start, image_id);
DROP INDEX image_properties_by_name ON image_properties;

-- +goose Down
CREATE INDEX image_properties_by_name ON image_properties (name, image_id);
DROP INDEX image_properties_by_value ON image_properties;
ALTER TABLE image_properties DROP COLUMN value_start;
