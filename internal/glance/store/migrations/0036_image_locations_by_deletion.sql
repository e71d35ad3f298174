-- +goose Up
CREATE INDEX image_locations_by_deletion ON image_locations (deleted_at, id);

-- +goose Down
DROP INDEX image_locations_by_deletion ON image_locations;
