-- +goose Up
CREATE TABLE image_locations (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    image_id VARCHAR(36) NOT NULL,
    store VARCHAR(64) NOT NULL,
    url TEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    metadata TEXT NOT NULL,
    position INTEGER NOT NULL,
    deleted_at TIMESTAMP NULL
);
CREATE INDEX image_locations_by_image ON image_locations (image_id, position);
CREATE INDEX image_locations_by_status ON image_locations (status, deleted_at);
INSERT INTO image_locations (id, image_id, store, url, status, metadata, position)
    SELECT id, id, store, '', 'active', '{}', 0 FROM images WHERE store <> '' AND deleted_at IS NULL;
ALTER TABLE images DROP COLUMN store;

-- +goose Down
ALTER TABLE images ADD COLUMN store VARCHAR(64) NOT NULL DEFAULT '';
UPDATE images SET store = COALESCE((SELECT MIN(l.store) FROM image_locations l WHERE l.image_id = images.id), '');
DROP TABLE image_locations;
