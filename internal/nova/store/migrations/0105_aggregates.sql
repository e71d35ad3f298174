-- +goose Up
CREATE TABLE aggregates (
    id         IDENTITY,
    uuid       VARCHAR(36) NOT NULL,
    name       VARCHAR(255) NOT NULL UNIQUE,
    hosts      TEXT NOT NULL,
    metadata   TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);

-- +goose Down
DROP TABLE aggregates;
