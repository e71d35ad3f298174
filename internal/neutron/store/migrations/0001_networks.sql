-- +goose Up
CREATE TABLE networks (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    mtu INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    router_external BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    network_type VARCHAR(32) NOT NULL,
    physical_network VARCHAR(64) NOT NULL,
    segmentation_id INTEGER NOT NULL,
    availability_zone_hints TEXT NOT NULL,
    dns_domain VARCHAR(255) NOT NULL,
    dhcp_host VARCHAR(255) NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX networks_project ON networks (project_id);
CREATE INDEX networks_name ON networks (name);
CREATE INDEX networks_external ON networks (router_external);
CREATE INDEX networks_dhcp_host ON networks (dhcp_host);
-- A segment belongs to one network; local networks have none.
CREATE TABLE segments (
    network_type VARCHAR(32) NOT NULL,
    physical_network VARCHAR(64) NOT NULL,
    segmentation_id INTEGER NOT NULL,
    network_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (network_type, physical_network, segmentation_id)
);
CREATE UNIQUE INDEX segments_network ON segments (network_id);

CREATE TABLE subnets (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    network_id VARCHAR(36) NOT NULL,
    ip_version INTEGER NOT NULL,
    subnetpool_id VARCHAR(36) NOT NULL,
    enable_dhcp BOOLEAN NOT NULL,
    ipv6_ra_mode VARCHAR(16) NOT NULL,
    ipv6_address_mode VARCHAR(16) NOT NULL,
    gateway_ip VARCHAR(64) NOT NULL,
    cidr VARCHAR(64) NOT NULL,
    allocation_pools TEXT NOT NULL,
    host_routes TEXT NOT NULL,
    dns_nameservers TEXT NOT NULL,
    service_types TEXT NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id);
CREATE INDEX subnets_project ON subnets (project_id);
CREATE INDEX subnets_pool ON subnets (subnetpool_id);

CREATE TABLE subnetpools (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    default_prefixlen INTEGER NOT NULL,
    min_prefixlen INTEGER NOT NULL,
    max_prefixlen INTEGER NOT NULL,
    is_default BOOLEAN NOT NULL,
    shared BOOLEAN NOT NULL,
    prefixes TEXT NOT NULL,
    ip_version INTEGER NOT NULL,
    default_quota INTEGER,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX subnetpools_project ON subnetpools (project_id);

-- +goose Down
DROP TABLE subnetpools;
DROP TABLE subnets;
DROP TABLE segments;
DROP TABLE networks;
