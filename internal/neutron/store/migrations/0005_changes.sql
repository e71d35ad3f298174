-- +goose Up
-- What of a host's state changed and at which of its revisions. An agent asks
-- for what is newer than the state it holds; a row goes when it has that.
CREATE TABLE host_changes (
    host VARCHAR(255) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    object_id VARCHAR(36) NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (host, kind, object_id)
);
-- Sets that many hosts hold: a security group's addresses, a network's hosts.
-- Which elements changed is kept back to the revision oldest; what became of
-- them the other tables tell.
CREATE TABLE address_sets (
    set_id VARCHAR(64) NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    oldest BIGINT NOT NULL
);
CREATE TABLE address_set_changes (
    set_id VARCHAR(64) NOT NULL,
    revision BIGINT NOT NULL,
    element VARCHAR(255) NOT NULL,
    PRIMARY KEY (set_id, revision, element)
);
CREATE INDEX agents_host ON agents (host);

-- +goose Down
DROP TABLE address_set_changes;
DROP TABLE address_sets;
DROP TABLE host_changes;
