-- +goose Up
CREATE TABLE revocation_events (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    audit_id VARCHAR(32) NOT NULL,
    issued_before TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NULL,
    revoked_at TIMESTAMP NOT NULL
);
CREATE INDEX revocation_events_audit ON revocation_events (audit_id);
CREATE INDEX revocation_events_user ON revocation_events (user_id);
CREATE INDEX revocation_events_revoked ON revocation_events (revoked_at);

CREATE TABLE revisions (
    id VARCHAR(8) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revisions (id, value) VALUES ('all', 1);

-- +goose Down
DROP TABLE revisions;
DROP TABLE revocation_events;
