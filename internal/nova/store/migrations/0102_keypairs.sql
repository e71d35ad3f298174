-- +goose Up
CREATE TABLE keypairs (
    id          IDENTITY,
    user_id     VARCHAR(255) NOT NULL,
    name        VARCHAR(255) NOT NULL,
    type        VARCHAR(16) NOT NULL,
    fingerprint VARCHAR(255) NOT NULL,
    public_key  TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NULL,
    UNIQUE (user_id, name)
);

-- +goose Down
DROP TABLE keypairs;
