-- +goose Up
CREATE TABLE flavors (
    flavor_id    VARCHAR(255) NOT NULL PRIMARY KEY,
    number       BIGINT NOT NULL,
    name         VARCHAR(255) NOT NULL UNIQUE,
    memory_mb    BIGINT NOT NULL,
    vcpus        BIGINT NOT NULL,
    root_gb      BIGINT NOT NULL,
    ephemeral_gb BIGINT NOT NULL,
    swap         BIGINT NOT NULL,
    rxtx_factor  DOUBLE NOT NULL,
    vcpu_weight  BIGINT NOT NULL,
    is_public    BOOLEAN NOT NULL,
    disabled     BOOLEAN NOT NULL,
    description  TEXT NULL,
    extra_specs  TEXT NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NULL
);

-- +goose Down
DROP TABLE flavors;
