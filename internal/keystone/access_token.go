package keystone

import "time"

// AccessToken lets a consumer act as a user on a project with some of the user's roles.
type AccessToken struct {
	ID                string     `bun:"id,pk"`
	Secret            string     `bun:"access_secret"`
	AuthorizingUserID string     `bun:"authorizing_user_id"`
	ProjectID         string     `bun:"project_id"`
	RoleIDs           []string   `bun:"role_ids"`
	ConsumerID        string     `bun:"consumer_id"`
	ExpiresAt         *time.Time `bun:"expires_at"`
}
