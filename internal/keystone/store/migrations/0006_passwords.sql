-- +goose Up
ALTER TABLE users ADD COLUMN password_expires_at TIMESTAMP NULL;

CREATE TABLE passwords (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    hash VARCHAR(255) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NULL,
    self_service BOOLEAN NOT NULL
);
CREATE INDEX passwords_user ON passwords (user_id, created_at);
INSERT INTO passwords (id, user_id, hash, created_at, expires_at, self_service)
SELECT id, id, password_hash, created_at, NULL, FALSE FROM users WHERE password_hash <> '';

CREATE TABLE logins (
    user_id VARCHAR(64) NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_at TIMESTAMP NULL,
    active_at TIMESTAMP NULL
);

CREATE INDEX assignments_actor ON assignments (actor_id, target_id);
CREATE INDEX assignments_on ON assignments (target_id);
CREATE INDEX users_default_project ON users (default_project_id);

-- +goose Down
DROP INDEX users_default_project ON users;
DROP INDEX assignments_on ON assignments;
DROP INDEX assignments_actor ON assignments;
DROP TABLE logins;
DROP TABLE passwords;
ALTER TABLE users DROP COLUMN password_expires_at;
