-- +goose Up
CREATE TABLE nacre_flows (
    id           VARCHAR(36) NOT NULL PRIMARY KEY,
    name         VARCHAR(64) NOT NULL,
    resource     VARCHAR(255) NOT NULL,
    live         VARCHAR(320) UNIQUE,
    phase        VARCHAR(16) NOT NULL,
    step         VARCHAR(64) NOT NULL,
    attempts     BIGINT NOT NULL,
    state        TEXT NOT NULL,
    caller       TEXT NOT NULL,
    request_id   VARCHAR(255) NOT NULL,
    owner        VARCHAR(255) NOT NULL,
    fence        BIGINT NOT NULL,
    lease_until  TIMESTAMP NULL,
    due_at       TIMESTAMP NOT NULL,
    cancelled    TEXT NOT NULL,
    failure      TEXT NOT NULL,
    trouble      TEXT NOT NULL,
    journal      TEXT NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    finished_at  TIMESTAMP NULL
);
CREATE INDEX nacre_flows_due ON nacre_flows (finished_at, due_at);
CREATE INDEX nacre_flows_resource ON nacre_flows (resource, created_at);

-- +goose Down
DROP TABLE nacre_flows;
