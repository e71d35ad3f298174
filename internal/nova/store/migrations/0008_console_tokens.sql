-- +goose Up
CREATE TABLE console_tokens (
    token_hash   VARCHAR(64) NOT NULL PRIMARY KEY,
    server_id    VARCHAR(36) NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    project_id   VARCHAR(255) NOT NULL,
    console_type VARCHAR(32) NOT NULL,
    host         VARCHAR(255) NOT NULL,
    network      VARCHAR(16) NOT NULL,
    address      VARCHAR(255) NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    used_at      TIMESTAMP NULL
);
CREATE INDEX console_tokens_server ON console_tokens (server_id);
CREATE INDEX console_tokens_expires ON console_tokens (expires_at);

-- +goose Down
DROP TABLE console_tokens;
