-- +goose Up
CREATE TABLE application_credentials (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    description TEXT NULL,
    secret_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMP NULL,
    unrestricted BOOLEAN NULL
);
CREATE UNIQUE INDEX application_credentials_name ON application_credentials (user_id, name);
CREATE INDEX application_credentials_project ON application_credentials (project_id);

CREATE TABLE application_credential_roles (
    application_credential_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (application_credential_id, role_id)
);
CREATE INDEX application_credential_roles_role ON application_credential_roles (role_id);

CREATE TABLE access_rules (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    service VARCHAR(64) NOT NULL,
    path VARCHAR(255) NOT NULL,
    method VARCHAR(16) NOT NULL
);
CREATE UNIQUE INDEX access_rules_request ON access_rules (user_id, service, path, method);

CREATE TABLE application_credential_access_rules (
    application_credential_id VARCHAR(64) NOT NULL,
    access_rule_id VARCHAR(64) NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (application_credential_id, access_rule_id)
);
CREATE INDEX application_credential_access_rules_rule ON application_credential_access_rules (access_rule_id);

-- +goose Down
DROP TABLE application_credential_access_rules;
DROP TABLE access_rules;
DROP TABLE application_credential_roles;
DROP TABLE application_credentials;
