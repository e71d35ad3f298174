-- +goose Up
CREATE TABLE cached_images (
    node VARCHAR(255) NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    size BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    last_accessed TIMESTAMP NOT NULL,
    last_modified TIMESTAMP NOT NULL,
    PRIMARY KEY (node, image_id)
);
CREATE INDEX cached_images_by_image ON cached_images (image_id);
CREATE TABLE image_cache_queue (
    node VARCHAR(255) NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    queued_at TIMESTAMP NOT NULL,
    PRIMARY KEY (node, image_id)
);

-- +goose Down
DROP TABLE image_cache_queue;
DROP TABLE cached_images;
