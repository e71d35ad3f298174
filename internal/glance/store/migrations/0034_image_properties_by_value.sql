-- +goose Up
CREATE INDEX image_properties_by_value ON image_properties (name, value_start, image_id);

-- +goose Down
DROP INDEX image_properties_by_value ON image_properties;
