-- +goose Up
CREATE TABLE project_endpoints (
    project_id VARCHAR(64) NOT NULL,
    endpoint_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (project_id, endpoint_id)
);
CREATE INDEX project_endpoints_endpoint ON project_endpoints (endpoint_id);

CREATE TABLE endpoint_groups (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    description TEXT NULL,
    filters TEXT NOT NULL
);

CREATE TABLE project_endpoint_groups (
    project_id VARCHAR(64) NOT NULL,
    endpoint_group_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (project_id, endpoint_group_id)
);
CREATE INDEX project_endpoint_groups_group ON project_endpoint_groups (endpoint_group_id);

CREATE TABLE policies (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    type VARCHAR(255) NOT NULL,
    content TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE policy_associations (
    endpoint_id VARCHAR(64) NOT NULL,
    service_id VARCHAR(64) NOT NULL,
    region_id VARCHAR(255) NOT NULL,
    policy_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (endpoint_id, service_id, region_id)
);
CREATE INDEX policy_associations_policy ON policy_associations (policy_id);

CREATE TABLE domain_options (
    domain_id VARCHAR(64) NOT NULL,
    option_group VARCHAR(64) NOT NULL,
    option_name VARCHAR(64) NOT NULL,
    value TEXT NOT NULL,
    secret BOOLEAN NOT NULL,
    PRIMARY KEY (domain_id, option_group, option_name)
);

-- +goose Down
DROP TABLE domain_options;
DROP TABLE policy_associations;
DROP TABLE policies;
DROP TABLE project_endpoint_groups;
DROP TABLE endpoint_groups;
DROP TABLE project_endpoints;
