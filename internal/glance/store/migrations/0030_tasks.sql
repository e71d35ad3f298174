-- +goose Up
CREATE TABLE tasks (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    type VARCHAR(30) NOT NULL,
    status VARCHAR(30) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    request_id VARCHAR(255) NOT NULL,
    input TEXT NOT NULL,
    result TEXT NOT NULL,
    message TEXT NOT NULL,
    expires_at TIMESTAMP NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP NULL
);
CREATE INDEX tasks_by_age ON tasks (created_at, id);
CREATE INDEX tasks_by_owner ON tasks (owner, created_at, id);
CREATE INDEX tasks_by_image ON tasks (image_id, status);
CREATE INDEX tasks_by_expiry ON tasks (deleted_at, expires_at);

-- +goose Down
DROP TABLE tasks;
