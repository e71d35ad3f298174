-- +goose Up
CREATE TABLE services (
    id              VARCHAR(36) NOT NULL PRIMARY KEY,
    number          BIGINT NOT NULL UNIQUE,
    host            VARCHAR(255) NOT NULL,
    binary_name     VARCHAR(64) NOT NULL,
    disabled        BOOLEAN NOT NULL,
    disabled_reason VARCHAR(255) NULL,
    forced_down     BOOLEAN NOT NULL,
    last_seen_up    TIMESTAMP NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    updated_at      TIMESTAMP NULL,
    UNIQUE (host, binary_name)
);

-- +goose Down
DROP TABLE services;
