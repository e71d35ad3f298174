package keystone

import "time"

// AccessToken lets an OAuth 1.0a consumer act for a user on one project.
type AccessToken struct {
	ID                string
	ConsumerID        string
	AuthorizingUserID string
	ProjectID         string
	ExpiresAt         *time.Time
}
