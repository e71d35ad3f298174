-- +goose Up
DROP INDEX image_properties_by_name ON image_properties;

-- +goose Down
CREATE INDEX image_properties_by_name ON image_properties (name, image_id);
