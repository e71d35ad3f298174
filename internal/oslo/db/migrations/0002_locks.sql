-- +goose Up
CREATE TABLE nacre_locks (
    name VARCHAR(255) NOT NULL PRIMARY KEY
);

-- +goose Down
DROP TABLE nacre_locks;
