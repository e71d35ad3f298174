-- +goose Up
CREATE TABLE server_passwords (
    server_id VARCHAR(36) NOT NULL PRIMARY KEY,
    content   TEXT NOT NULL
);

-- +goose Down
DROP TABLE server_passwords;
