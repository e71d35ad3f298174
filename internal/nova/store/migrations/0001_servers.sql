-- +goose Up
CREATE TABLE servers (
    number              IDENTITY,
    id                  VARCHAR(36) NOT NULL UNIQUE,
    project_id          VARCHAR(255) NOT NULL,
    user_id             VARCHAR(255) NOT NULL,
    display_name        VARCHAR(255) NOT NULL,
    display_description VARCHAR(255) NULL,
    hostname            VARCHAR(255) NOT NULL,
    reservation_id      VARCHAR(255) NOT NULL,
    launch_index        BIGINT NOT NULL,
    vm_state            VARCHAR(32) NOT NULL,
    task_state          VARCHAR(64) NOT NULL,
    power_state         BIGINT NOT NULL,
    progress            BIGINT NOT NULL,
    fault               TEXT NULL,
    image_id            VARCHAR(255) NOT NULL,
    kernel_id           VARCHAR(255) NOT NULL,
    ramdisk_id          VARCHAR(255) NOT NULL,
    image_meta          TEXT NULL,
    root_device_name    VARCHAR(255) NOT NULL,
    flavor              TEXT NOT NULL,
    flavor_id           VARCHAR(255) NOT NULL,
    vcpus               BIGINT NOT NULL,
    memory_mb           BIGINT NOT NULL,
    host                VARCHAR(255) NOT NULL,
    node                VARCHAR(255) NOT NULL,
    availability_zone   VARCHAR(255) NOT NULL,
    wishes              TEXT NOT NULL,
    key_name            VARCHAR(255) NOT NULL,
    key_data            TEXT NOT NULL,
    user_data           TEXT NOT NULL,
    config_drive        BOOLEAN NOT NULL,
    disk_config         VARCHAR(16) NOT NULL,
    access_ip_v4        VARCHAR(39) NOT NULL,
    access_ip_v6        VARCHAR(39) NOT NULL,
    locked              BOOLEAN NOT NULL,
    locked_by           VARCHAR(16) NOT NULL,
    locked_reason       VARCHAR(255) NULL,
    network_info        TEXT NULL,
    security_groups     TEXT NULL,
    trusted_certs       TEXT NULL,
    created_at          TIMESTAMP NOT NULL,
    updated_at          TIMESTAMP NULL,
    launched_at         TIMESTAMP NULL,
    terminated_at       TIMESTAMP NULL,
    deleted_at          TIMESTAMP NULL
);
CREATE INDEX servers_project ON servers (project_id, deleted_at, created_at, id);
CREATE INDEX servers_host ON servers (host, deleted_at);
CREATE INDEX servers_created ON servers (deleted_at, created_at, id);
CREATE INDEX servers_task ON servers (task_state, deleted_at);

-- +goose Down
DROP TABLE servers;
