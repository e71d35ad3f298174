-- +goose Up
UPDATE image_properties SET value_start = SUBSTR(value, 1, 64);

-- +goose Down
UPDATE image_properties SET value_start = NULL;
