package keystone

import "time"

// Trust lets the trustee act with some of the trustor's roles on a project.
type Trust struct {
	ID            string
	TrustorUserID string
	TrusteeUserID string
	ProjectID     string
	Impersonation bool // acts as the trustor
	ExpiresAt     *time.Time
}
