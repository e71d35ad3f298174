-- +goose Up
CREATE TABLE orphan_guests (
    host       VARCHAR(255) NOT NULL,
    guest_id   VARCHAR(64) NOT NULL,
    guest_name VARCHAR(255) NOT NULL,
    reason     VARCHAR(255) NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL,
    PRIMARY KEY (host, guest_id)
);

-- +goose Down
DROP TABLE orphan_guests;
