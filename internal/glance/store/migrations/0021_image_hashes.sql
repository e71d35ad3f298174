-- +goose Up
CREATE TABLE image_hashes (
    image_id VARCHAR(36) NOT NULL PRIMARY KEY,
    os_hash_algo VARCHAR(64) NOT NULL,
    os_hash_value VARCHAR(128) NOT NULL,
    tries INTEGER NOT NULL
);

-- +goose Down
DROP TABLE image_hashes;
