-- +goose Up
ALTER TABLE users ADD COLUMN display_name VARCHAR(255) NOT NULL DEFAULT '';

CREATE TABLE federated_users (
    idp_id VARCHAR(64) NOT NULL,
    protocol_id VARCHAR(64) NOT NULL,
    unique_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (idp_id, protocol_id, unique_id)
);
CREATE INDEX federated_users_user ON federated_users (user_id);

CREATE TABLE expiring_memberships (
    user_id VARCHAR(64) NOT NULL,
    group_id VARCHAR(64) NOT NULL,
    idp_id VARCHAR(64) NOT NULL,
    last_verified TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, group_id, idp_id)
);
CREATE INDEX expiring_memberships_group ON expiring_memberships (group_id);
CREATE INDEX expiring_memberships_idp ON expiring_memberships (idp_id);

-- +goose Down
DROP TABLE expiring_memberships;
DROP TABLE federated_users;
ALTER TABLE users DROP COLUMN display_name;
