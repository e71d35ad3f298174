-- +goose Up
CREATE TABLE passcodes (
    credential_id VARCHAR(64) NOT NULL PRIMARY KEY,
    step BIGINT NOT NULL
);

-- +goose Down
DROP TABLE passcodes;
