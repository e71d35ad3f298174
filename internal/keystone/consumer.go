package keystone

import "time"

// Consumer is a program that may ask users for access by OAuth 1.0.
type Consumer struct {
	ID          string         `bun:"id,pk"`
	Description *string        `bun:"description"`
	Secret      string         `bun:"secret"` // signs its requests
	Extra       map[string]any `bun:"extra"`
}

// RequestToken is a consumer's wish for access to a project, until a user grants it.
type RequestToken struct {
	ID                 string     `bun:"id,pk"`
	Secret             string     `bun:"request_secret"`
	Verifier           string     `bun:"verifier"`            // "" until it is authorised
	AuthorizingUserID  string     `bun:"authorizing_user_id"` // "" until it is authorised
	RequestedProjectID string     `bun:"requested_project_id"`
	RoleIDs            []string   `bun:"role_ids"`
	ConsumerID         string     `bun:"consumer_id"`
	ExpiresAt          *time.Time `bun:"expires_at"`
}
