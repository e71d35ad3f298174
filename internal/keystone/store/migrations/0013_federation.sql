-- +goose Up
CREATE TABLE identity_providers (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    enabled BOOLEAN NOT NULL,
    description TEXT NULL,
    authorization_ttl INTEGER NULL
);
CREATE INDEX identity_providers_domain ON identity_providers (domain_id);

CREATE TABLE idp_remote_ids (
    remote_id VARCHAR(255) NOT NULL PRIMARY KEY,
    idp_id VARCHAR(64) NOT NULL
);
CREATE INDEX idp_remote_ids_idp ON idp_remote_ids (idp_id);

CREATE TABLE federation_protocols (
    id VARCHAR(64) NOT NULL,
    idp_id VARCHAR(64) NOT NULL,
    mapping_id VARCHAR(64) NOT NULL,
    remote_id_attribute VARCHAR(64) NULL,
    PRIMARY KEY (idp_id, id)
);

CREATE TABLE mappings (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    rules TEXT NOT NULL,
    schema_version VARCHAR(5) NOT NULL
);

CREATE TABLE service_providers (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    description TEXT NULL,
    auth_url VARCHAR(256) NOT NULL,
    sp_url VARCHAR(256) NOT NULL,
    relay_state_prefix VARCHAR(256) NOT NULL
);

-- +goose Down
DROP TABLE service_providers;
DROP TABLE mappings;
DROP TABLE federation_protocols;
DROP TABLE idp_remote_ids;
DROP TABLE identity_providers;
