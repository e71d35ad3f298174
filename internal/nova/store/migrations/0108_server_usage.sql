-- +goose Up
CREATE INDEX servers_usage ON servers (project_id, deleted_at, user_id, vcpus, memory_mb);
