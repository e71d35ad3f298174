-- +goose Up
CREATE TABLE resource_providers (
	uuid VARCHAR(36) PRIMARY KEY,
	name VARCHAR(200) NOT NULL UNIQUE,
	parent_uuid VARCHAR(36),
	root_uuid VARCHAR(36) NOT NULL,
	generation BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL
);
CREATE INDEX resource_providers_seq ON resource_providers (seq);
CREATE INDEX resource_providers_parent ON resource_providers (parent_uuid);
CREATE INDEX resource_providers_root ON resource_providers (root_uuid);
CREATE TABLE inventories (
	provider_uuid VARCHAR(36) NOT NULL,
	resource_class VARCHAR(255) NOT NULL,
	total BIGINT NOT NULL,
	reserved BIGINT NOT NULL,
	min_unit BIGINT NOT NULL,
	max_unit BIGINT NOT NULL,
	step_size BIGINT NOT NULL,
	allocation_ratio DOUBLE NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	PRIMARY KEY (provider_uuid, resource_class)
);
CREATE INDEX inventories_class ON inventories (resource_class);
CREATE TABLE consumers (
	uuid VARCHAR(36) PRIMARY KEY,
	project_id VARCHAR(255) NOT NULL,
	user_id VARCHAR(255) NOT NULL,
	consumer_type VARCHAR(255) NOT NULL,
	generation BIGINT NOT NULL,
	updated_at TIMESTAMP NOT NULL
);
CREATE INDEX consumers_project ON consumers (project_id, user_id);
CREATE TABLE allocations (
	consumer_uuid VARCHAR(36) NOT NULL,
	provider_uuid VARCHAR(36) NOT NULL,
	resource_class VARCHAR(255) NOT NULL,
	used BIGINT NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	PRIMARY KEY (consumer_uuid, provider_uuid, resource_class)
);
CREATE INDEX allocations_provider ON allocations (provider_uuid, resource_class);
CREATE TABLE resource_classes (
	name VARCHAR(255) PRIMARY KEY,
	position BIGINT NOT NULL,
	updated_at TIMESTAMP NOT NULL
);
CREATE TABLE traits (
	name VARCHAR(255) PRIMARY KEY,
	updated_at TIMESTAMP NOT NULL
);
CREATE TABLE provider_traits (
	provider_uuid VARCHAR(36) NOT NULL,
	trait VARCHAR(255) NOT NULL,
	PRIMARY KEY (provider_uuid, trait)
);
CREATE INDEX provider_traits_trait ON provider_traits (trait);
CREATE TABLE provider_aggregates (
	provider_uuid VARCHAR(36) NOT NULL,
	aggregate_uuid VARCHAR(36) NOT NULL,
	PRIMARY KEY (provider_uuid, aggregate_uuid)
);
CREATE INDEX provider_aggregates_aggregate ON provider_aggregates (aggregate_uuid);
CREATE TABLE revisions (
	id BIGINT PRIMARY KEY,
	seq BIGINT NOT NULL,
	structure BIGINT NOT NULL
);
INSERT INTO revisions (id, seq, structure) VALUES (1, 0, 0);

-- +goose Down
DROP TABLE revisions;
DROP TABLE provider_aggregates;
DROP TABLE provider_traits;
DROP TABLE traits;
DROP TABLE resource_classes;
DROP TABLE allocations;
DROP TABLE consumers;
DROP TABLE inventories;
DROP TABLE resource_providers;
