-- +goose Up
CREATE TABLE agents (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    agent_type VARCHAR(255) NOT NULL,
    binary_name VARCHAR(255) NOT NULL,
    topic VARCHAR(255) NOT NULL,
    host VARCHAR(255) NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    started_at TIMESTAMP NOT NULL,
    heartbeat_timestamp TIMESTAMP NOT NULL,
    description VARCHAR(255),
    availability_zone VARCHAR(255) NOT NULL,
    configurations TEXT NOT NULL
);
CREATE UNIQUE INDEX agents_type_host ON agents (agent_type, host);
CREATE TABLE hosts (
    host VARCHAR(255) NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    tunnel_ip VARCHAR(64) NOT NULL,
    applied BIGINT NOT NULL,
    reported_at TIMESTAMP NOT NULL
);
CREATE TABLE quotas (
    project_id VARCHAR(255) NOT NULL,
    resource VARCHAR(64) NOT NULL,
    hard_limit INTEGER NOT NULL,
    PRIMARY KEY (project_id, resource)
);
CREATE TABLE rbac_policies (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    project_id VARCHAR(255) NOT NULL,
    object_type VARCHAR(64) NOT NULL,
    object_id VARCHAR(36) NOT NULL,
    action VARCHAR(64) NOT NULL,
    target_project VARCHAR(255) NOT NULL
);
CREATE UNIQUE INDEX rbac_policies_what ON rbac_policies (object_type, object_id, action, target_project);
CREATE INDEX rbac_policies_target ON rbac_policies (target_project, object_type);
CREATE INDEX rbac_policies_project ON rbac_policies (project_id);
-- What nova must still be told; a row goes when nova has answered.
CREATE TABLE nova_events (
    port_id VARCHAR(36) NOT NULL,
    name VARCHAR(64) NOT NULL,
    server_id VARCHAR(255) NOT NULL,
    status VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL,
    next_at TIMESTAMP NOT NULL,
    PRIMARY KEY (port_id, name)
);
CREATE INDEX nova_events_next ON nova_events (next_at);

-- +goose Down
DROP TABLE nova_events;
DROP TABLE rbac_policies;
DROP TABLE quotas;
DROP TABLE hosts;
DROP TABLE agents;
