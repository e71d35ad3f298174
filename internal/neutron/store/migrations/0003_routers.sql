-- +goose Up
CREATE TABLE routers (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status VARCHAR(16) NOT NULL,
    availability_zone_hints TEXT NOT NULL,
    routes TEXT NOT NULL,
    gw_port_id VARCHAR(36) NOT NULL,
    gw_network_id VARCHAR(36) NOT NULL,
    enable_snat BOOLEAN NOT NULL,
    host VARCHAR(255) NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_host ON routers (host);
CREATE TABLE router_ports (
    port_id VARCHAR(36) NOT NULL PRIMARY KEY,
    router_id VARCHAR(36) NOT NULL,
    port_type VARCHAR(255) NOT NULL
);
CREATE INDEX router_ports_router ON router_ports (router_id);
CREATE TABLE floatingips (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    project_id VARCHAR(255) NOT NULL,
    floating_ip_address VARCHAR(64) NOT NULL,
    floating_network_id VARCHAR(36) NOT NULL,
    floating_port_id VARCHAR(36) NOT NULL,
    router_id VARCHAR(36) NOT NULL,
    fixed_port_id VARCHAR(36) NOT NULL,
    fixed_ip_address VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    dns_name VARCHAR(255) NOT NULL,
    dns_domain VARCHAR(255) NOT NULL,
    description VARCHAR(255) NOT NULL,
    tags TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    revision_number INTEGER NOT NULL
);
CREATE INDEX floatingips_project ON floatingips (project_id);
CREATE INDEX floatingips_port ON floatingips (fixed_port_id);
CREATE INDEX floatingips_router ON floatingips (router_id);
CREATE INDEX floatingips_floating_port ON floatingips (floating_port_id);
CREATE INDEX floatingips_network ON floatingips (floating_network_id);

-- +goose Down
DROP TABLE floatingips;
DROP TABLE router_ports;
DROP TABLE routers;
