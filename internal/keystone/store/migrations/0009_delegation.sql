-- +goose Up
CREATE TABLE trusts (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    trustor_user_id VARCHAR(64) NOT NULL,
    trustee_user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    impersonation BOOLEAN NOT NULL,
    expires_at TIMESTAMP NULL,
    remaining_uses INTEGER NULL,
    deleted_at TIMESTAMP NULL,
    redelegated_trust_id VARCHAR(64) NOT NULL,
    redelegation_count INTEGER NOT NULL,
    extra TEXT NOT NULL
);
CREATE UNIQUE INDEX trusts_same ON trusts (trustor_user_id, trustee_user_id, project_id, impersonation, expires_at);
CREATE INDEX trusts_trustee ON trusts (trustee_user_id);
CREATE INDEX trusts_project ON trusts (project_id);
CREATE INDEX trusts_redelegated ON trusts (redelegated_trust_id);

CREATE TABLE trust_roles (
    trust_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (trust_id, role_id)
);
CREATE INDEX trust_roles_role ON trust_roles (role_id);

CREATE TABLE consumers (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    description TEXT NULL,
    secret VARCHAR(64) NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE request_tokens (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    request_secret VARCHAR(64) NOT NULL,
    verifier VARCHAR(64) NOT NULL,
    authorizing_user_id VARCHAR(64) NOT NULL,
    requested_project_id VARCHAR(64) NOT NULL,
    role_ids TEXT NOT NULL,
    consumer_id VARCHAR(64) NOT NULL,
    expires_at TIMESTAMP NULL
);
CREATE INDEX request_tokens_consumer ON request_tokens (consumer_id);

CREATE TABLE access_tokens (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    access_secret VARCHAR(64) NOT NULL,
    authorizing_user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    role_ids TEXT NOT NULL,
    consumer_id VARCHAR(64) NOT NULL,
    expires_at TIMESTAMP NULL
);
CREATE INDEX access_tokens_user ON access_tokens (authorizing_user_id);
CREATE INDEX access_tokens_consumer ON access_tokens (consumer_id);

-- +goose Down
DROP TABLE access_tokens;
DROP TABLE request_tokens;
DROP TABLE consumers;
DROP TABLE trust_roles;
DROP TABLE trusts;
