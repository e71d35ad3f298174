-- +goose Up
CREATE TABLE compute_nodes (
    id                   VARCHAR(36) NOT NULL PRIMARY KEY,
    number               BIGINT NOT NULL UNIQUE,
    host                 VARCHAR(255) NOT NULL,
    hypervisor_hostname  VARCHAR(255) NOT NULL,
    hypervisor_type      VARCHAR(64) NOT NULL,
    hypervisor_version   BIGINT NOT NULL,
    host_ip              VARCHAR(64) NOT NULL,
    vcpus                BIGINT NOT NULL,
    memory_mb            BIGINT NOT NULL,
    local_gb             BIGINT NOT NULL,
    vcpus_used           BIGINT NOT NULL,
    memory_mb_used       BIGINT NOT NULL,
    local_gb_used        BIGINT NOT NULL,
    disk_available_least BIGINT NOT NULL,
    running_vms          BIGINT NOT NULL,
    current_workload     BIGINT NOT NULL,
    cpu_info             TEXT NOT NULL,
    uptime               VARCHAR(255) NOT NULL,
    traits               TEXT NULL,
    waits_for_ports      BOOLEAN NOT NULL,
    reserved_mb          BIGINT NOT NULL,
    reserved_gb          BIGINT NOT NULL,
    reported_at          TIMESTAMP NULL,
    created_at           TIMESTAMP NOT NULL,
    updated_at           TIMESTAMP NULL,
    deleted_at           TIMESTAMP NULL
);
CREATE INDEX compute_nodes_host ON compute_nodes (host, deleted_at);

-- +goose Down
DROP TABLE compute_nodes;
