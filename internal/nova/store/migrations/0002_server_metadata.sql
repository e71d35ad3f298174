-- +goose Up
CREATE TABLE server_metadata (
    server_id VARCHAR(36) NOT NULL,
    item      VARCHAR(255) NOT NULL,
    content   VARCHAR(255) NOT NULL,
    PRIMARY KEY (server_id, item)
);

-- +goose Down
DROP TABLE server_metadata;
