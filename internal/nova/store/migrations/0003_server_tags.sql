-- +goose Up
CREATE TABLE server_tags (
    server_id VARCHAR(36) NOT NULL,
    tag       VARCHAR(80) NOT NULL,
    PRIMARY KEY (server_id, tag)
);
CREATE INDEX server_tags_tag ON server_tags (tag);

-- +goose Down
DROP TABLE server_tags;
