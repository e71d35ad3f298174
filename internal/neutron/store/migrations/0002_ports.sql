-- +goose Up
CREATE TABLE ports (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    network_id VARCHAR(36) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    mac_address VARCHAR(32) NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status VARCHAR(16) NOT NULL,
    device_id VARCHAR(255) NOT NULL,
    device_owner VARCHAR(255) NOT NULL,
    fixed_ips TEXT NOT NULL,
    allowed_address_pairs TEXT NOT NULL,
    extra_dhcp_opts TEXT NOT NULL,
    security_groups TEXT NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    vnic_type VARCHAR(64) NOT NULL,
    binding_profile TEXT NOT NULL,
    host VARCHAR(255) NOT NULL,
    vif_type VARCHAR(64) NOT NULL,
    vif_details TEXT NOT NULL,
    dns_name VARCHAR(255) NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE UNIQUE INDEX ports_mac ON ports (network_id, mac_address);
CREATE INDEX ports_network_host ON ports (network_id, host);
CREATE INDEX ports_network_owner ON ports (network_id, device_owner);
CREATE INDEX ports_host ON ports (host);
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_device ON ports (device_id);
-- The truth about who has which address; ports.fixed_ips repeats it for reading.
CREATE TABLE ip_allocations (
    subnet_id VARCHAR(36) NOT NULL,
    ip_address VARCHAR(64) NOT NULL,
    network_id VARCHAR(36) NOT NULL,
    port_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (subnet_id, ip_address)
);
CREATE INDEX ip_allocations_port ON ip_allocations (port_id);
CREATE INDEX ip_allocations_network ON ip_allocations (network_id, ip_address);
CREATE INDEX ip_allocations_address ON ip_allocations (ip_address);
-- The same of ports.security_groups.
CREATE TABLE port_security_groups (
    port_id VARCHAR(36) NOT NULL,
    security_group_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (port_id, security_group_id)
);
CREATE INDEX port_security_groups_group ON port_security_groups (security_group_id);

CREATE TABLE security_groups (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    stateful BOOLEAN NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    is_default BOOLEAN NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id, name);
CREATE TABLE default_security_groups (
    project_id VARCHAR(255) NOT NULL PRIMARY KEY,
    security_group_id VARCHAR(36) NOT NULL
);
CREATE TABLE security_group_rules (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    project_id VARCHAR(255) NOT NULL,
    security_group_id VARCHAR(36) NOT NULL,
    ethertype VARCHAR(8) NOT NULL,
    direction VARCHAR(8) NOT NULL,
    protocol VARCHAR(40),
    port_range_min INTEGER,
    port_range_max INTEGER,
    remote_ip_prefix VARCHAR(64),
    normalized_cidr VARCHAR(64),
    remote_group_id VARCHAR(36),
    description VARCHAR(255),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX security_group_rules_group ON security_group_rules (security_group_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id);
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);

-- +goose Down
DROP TABLE security_group_rules;
DROP TABLE default_security_groups;
DROP TABLE security_groups;
DROP TABLE port_security_groups;
DROP TABLE ip_allocations;
DROP TABLE ports;
