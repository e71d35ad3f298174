-- +goose Up
CREATE TABLE instance_actions (
    id            VARCHAR(36) NOT NULL PRIMARY KEY,
    instance_uuid VARCHAR(36) NOT NULL,
    action        VARCHAR(255) NOT NULL,
    request_id    VARCHAR(255) NOT NULL,
    user_id       VARCHAR(255) NOT NULL,
    project_id    VARCHAR(255) NOT NULL,
    start_time    TIMESTAMP NOT NULL,
    message       VARCHAR(255) NULL,
    updated_at    TIMESTAMP NULL
);
CREATE INDEX instance_actions_server ON instance_actions (instance_uuid, start_time);
CREATE INDEX instance_actions_request ON instance_actions (request_id);

CREATE TABLE instance_action_events (
    id          VARCHAR(36) NOT NULL PRIMARY KEY,
    action_id   VARCHAR(36) NOT NULL,
    event       VARCHAR(255) NOT NULL,
    start_time  TIMESTAMP NOT NULL,
    finish_time TIMESTAMP NULL,
    result      VARCHAR(255) NULL,
    traceback   TEXT NULL,
    host        VARCHAR(255) NULL,
    details     TEXT NULL
);
CREATE INDEX instance_action_events_action ON instance_action_events (action_id, start_time);

-- +goose Down
DROP TABLE instance_action_events;
DROP TABLE instance_actions;
