-- +goose Up
CREATE TABLE metadef_namespaces (
    id IDENTITY,
    namespace VARCHAR(80) NOT NULL,
    display_name VARCHAR(80) NULL,
    description TEXT NULL,
    visibility VARCHAR(32) NOT NULL,
    protected BOOLEAN NOT NULL,
    owner VARCHAR(255) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);
CREATE UNIQUE INDEX metadef_namespaces_by_name ON metadef_namespaces (namespace);

CREATE TABLE metadef_objects (
    id IDENTITY,
    namespace_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    description TEXT NULL,
    required TEXT NOT NULL,
    properties TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);
CREATE UNIQUE INDEX metadef_objects_by_name ON metadef_objects (namespace_id, name);

CREATE TABLE metadef_properties (
    id IDENTITY,
    namespace_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    type TEXT NOT NULL
);
CREATE UNIQUE INDEX metadef_properties_by_name ON metadef_properties (namespace_id, name);

CREATE TABLE metadef_tags (
    id IDENTITY,
    namespace_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);
CREATE UNIQUE INDEX metadef_tags_by_name ON metadef_tags (namespace_id, name);

CREATE TABLE metadef_resource_types (
    id IDENTITY,
    name VARCHAR(80) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);
CREATE UNIQUE INDEX metadef_resource_types_by_name ON metadef_resource_types (name);

CREATE TABLE metadef_associations (
    id IDENTITY,
    namespace_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    prefix VARCHAR(80) NULL,
    properties_target VARCHAR(80) NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NULL
);
CREATE UNIQUE INDEX metadef_associations_by_name ON metadef_associations (namespace_id, name);

-- +goose Down
DROP TABLE metadef_associations;
DROP TABLE metadef_resource_types;
DROP TABLE metadef_tags;
DROP TABLE metadef_properties;
DROP TABLE metadef_objects;
DROP TABLE metadef_namespaces;
