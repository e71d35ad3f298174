-- +goose Up
CREATE TABLE images (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    named BOOLEAN NOT NULL,
    owner VARCHAR(255) NOT NULL,
    status VARCHAR(30) NOT NULL,
    visibility VARCHAR(16) NOT NULL,
    disk_format VARCHAR(20) NOT NULL,
    container_format VARCHAR(20) NOT NULL,
    size BIGINT NOT NULL,
    virtual_size BIGINT NOT NULL,
    checksum VARCHAR(32) NOT NULL,
    os_hash_algo VARCHAR(64) NOT NULL,
    os_hash_value VARCHAR(128) NOT NULL,
    min_disk BIGINT NOT NULL,
    min_ram BIGINT NOT NULL,
    protected BOOLEAN NOT NULL,
    os_hidden BOOLEAN NOT NULL,
    store VARCHAR(64) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP NULL
);
CREATE INDEX images_by_age ON images (created_at, id);
CREATE INDEX images_by_owner ON images (owner, created_at, id);
CREATE INDEX images_by_name ON images (name, created_at, id);

CREATE TABLE image_properties (
    image_id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    value TEXT,
    PRIMARY KEY (image_id, name)
);
CREATE INDEX image_properties_by_name ON image_properties (name, image_id);

CREATE TABLE image_tags (
    image_id VARCHAR(36) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (image_id, value)
);
CREATE INDEX image_tags_by_value ON image_tags (value, image_id);

CREATE TABLE image_members (
    image_id VARCHAR(36) NOT NULL,
    member VARCHAR(255) NOT NULL,
    status VARCHAR(20) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (image_id, member)
);
CREATE INDEX image_members_by_member ON image_members (member, image_id);

CREATE TABLE image_uploads (
    image_id VARCHAR(36) NOT NULL PRIMARY KEY,
    id VARCHAR(36) NOT NULL,
    worker VARCHAR(255) NOT NULL,
    expires_at TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE image_uploads;
DROP TABLE image_members;
DROP TABLE image_tags;
DROP TABLE image_properties;
DROP TABLE images;
