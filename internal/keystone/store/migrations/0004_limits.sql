-- +goose Up
CREATE TABLE registered_limits (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    service_id VARCHAR(64) NOT NULL,
    region_id VARCHAR(255) NOT NULL,
    resource_name VARCHAR(255) NOT NULL,
    default_limit INTEGER NOT NULL,
    description TEXT NULL
);
CREATE UNIQUE INDEX registered_limits_resource ON registered_limits (service_id, region_id, resource_name);

CREATE TABLE limits (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    registered_limit_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    service_id VARCHAR(64) NOT NULL,
    region_id VARCHAR(255) NOT NULL,
    resource_name VARCHAR(255) NOT NULL,
    resource_limit INTEGER NOT NULL,
    description TEXT NULL
);
CREATE UNIQUE INDEX limits_owner ON limits (project_id, domain_id, registered_limit_id);
CREATE INDEX limits_registered ON limits (registered_limit_id);

-- +goose Down
DROP TABLE limits;
DROP TABLE registered_limits;
