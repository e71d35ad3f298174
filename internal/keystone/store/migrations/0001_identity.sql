-- +goose Up
CREATE TABLE users (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    enabled BOOLEAN NOT NULL,
    default_project_id VARCHAR(64) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (domain_id, name);

CREATE TABLE user_groups (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    description TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE UNIQUE INDEX user_groups_name ON user_groups (domain_id, name);

CREATE TABLE memberships (
    user_id VARCHAR(64) NOT NULL,
    group_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_group ON memberships (group_id);

CREATE TABLE projects (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    parent_id VARCHAR(64) NOT NULL,
    is_domain BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE UNIQUE INDEX projects_name ON projects (domain_id, name);
CREATE INDEX projects_parent ON projects (parent_id);

CREATE TABLE roles (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    domain_id VARCHAR(64) NOT NULL,
    description TEXT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (domain_id, name);

CREATE TABLE implied_roles (
    prior_role_id VARCHAR(64) NOT NULL,
    implied_role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (prior_role_id, implied_role_id)
);

CREATE TABLE assignments (
    actor_kind VARCHAR(8) NOT NULL,
    actor_id VARCHAR(64) NOT NULL,
    target_kind VARCHAR(8) NOT NULL,
    target_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    inherited BOOLEAN NOT NULL,
    PRIMARY KEY (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
);
CREATE INDEX assignments_target ON assignments (target_kind, target_id);
CREATE INDEX assignments_role ON assignments (role_id);

-- +goose Down
DROP TABLE assignments;
DROP TABLE implied_roles;
DROP TABLE roles;
DROP TABLE projects;
DROP TABLE memberships;
DROP TABLE user_groups;
DROP TABLE users;
