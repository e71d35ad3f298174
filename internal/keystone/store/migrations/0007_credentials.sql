-- +goose Up
CREATE TABLE credentials (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    type VARCHAR(255) NOT NULL,
    encrypted_blob TEXT NOT NULL,
    key_hash VARCHAR(64) NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX credentials_user ON credentials (user_id);
CREATE INDEX credentials_project ON credentials (project_id);

-- +goose Down
DROP TABLE credentials;
