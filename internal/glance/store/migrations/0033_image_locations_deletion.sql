-- +goose Up
CREATE INDEX image_locations_by_deletion ON image_locations (deleted_at, id);
DROP INDEX image_locations_by_status ON image_locations;

-- +goose Down
CREATE INDEX image_locations_by_status ON image_locations (status, deleted_at);
DROP INDEX image_locations_by_deletion ON image_locations;
