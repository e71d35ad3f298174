-- +goose Up
CREATE TABLE scheduling_accounts (
    id         VARCHAR(36) NOT NULL PRIMARY KEY,
    server_id  VARCHAR(36) NOT NULL,
    request_id VARCHAR(255) NOT NULL,
    chosen     VARCHAR(255) NOT NULL,
    account    TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX scheduling_accounts_server ON scheduling_accounts (server_id, created_at);

-- +goose Down
DROP TABLE scheduling_accounts;
