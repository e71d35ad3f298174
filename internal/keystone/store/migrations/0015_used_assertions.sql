-- +goose Up
CREATE TABLE used_assertions (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    ends_at TIMESTAMP NOT NULL
);
CREATE INDEX used_assertions_ends ON used_assertions (ends_at);

-- +goose Down
DROP TABLE used_assertions;
