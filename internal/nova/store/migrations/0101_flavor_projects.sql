-- +goose Up
CREATE TABLE flavor_projects (
    flavor_id  VARCHAR(255) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    PRIMARY KEY (flavor_id, project_id)
);
CREATE INDEX flavor_projects_project ON flavor_projects (project_id);

-- +goose Down
DROP TABLE flavor_projects;
