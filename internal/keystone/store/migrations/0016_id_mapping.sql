-- +goose Up
CREATE TABLE id_mapping (
    public_id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    local_id VARCHAR(255) NOT NULL,
    entity_type VARCHAR(5) NOT NULL
);
CREATE UNIQUE INDEX id_mapping_local ON id_mapping (domain_id, local_id, entity_type);

-- +goose Down
DROP TABLE id_mapping;
