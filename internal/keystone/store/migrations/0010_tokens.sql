-- +goose Up
CREATE TABLE tokens (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    payload TEXT NOT NULL,
    keep_until TIMESTAMP NOT NULL
);
CREATE INDEX tokens_keep_until ON tokens (keep_until);

-- +goose Down
DROP TABLE tokens;
