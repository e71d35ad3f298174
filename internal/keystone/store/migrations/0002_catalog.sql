-- +goose Up
CREATE TABLE regions (
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    parent_region_id VARCHAR(255) NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE services (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    type VARCHAR(255) NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE endpoints (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    service_id VARCHAR(64) NOT NULL,
    interface VARCHAR(8) NOT NULL,
    region_id VARCHAR(255) NOT NULL,
    url TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX endpoints_service ON endpoints (service_id);

-- +goose Down
DROP TABLE endpoints;
DROP TABLE services;
DROP TABLE regions;
