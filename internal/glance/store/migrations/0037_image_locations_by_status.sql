-- +goose Up
DROP INDEX image_locations_by_status ON image_locations;

-- +goose Down
CREATE INDEX image_locations_by_status ON image_locations (status, deleted_at);
