package keystone

import (
	"slices"
	"time"
)

// Revocation makes tokens issued until IssuedBefore invalid: those that match
// every field that is set.
type Revocation struct {
	ID           string     `bun:"id,pk"`
	UserID       string     `bun:"user_id"`
	ProjectID    string     `bun:"project_id"`
	DomainID     string     `bun:"domain_id"`
	AuditID      string     `bun:"audit_id"`
	TrustID      string     `bun:"trust_id"`
	ConsumerID   string     `bun:"consumer_id"` // OAuth 1.0a
	IssuedBefore time.Time  `bun:"issued_before"`
	ExpiresAt    *time.Time `bun:"expires_at"`
	RevokedAt    time.Time  `bun:"revoked_at"`
}

// Covers reports whether t is revoked by the event.
func (r Revocation) Covers(t Token) bool {
	auditID, trustID, consumerID := "", "", ""
	if len(t.AuditIDs) > 0 {
		auditID = t.AuditIDs[0]
	}
	if t.Trust != nil {
		trustID = t.Trust.ID
	}
	if t.AccessToken != nil {
		consumerID = t.AccessToken.ConsumerID
	}
	same := func(want string, have ...string) bool { return want == "" || slices.Contains(have, want) }
	return same(r.AuditID, auditID) && same(r.UserID, t.Users()...) && same(r.ProjectID, t.ProjectID()) &&
		same(r.DomainID, t.UserDomain.ID, t.ProjectDomain.ID, t.DomainID()) &&
		same(r.TrustID, trustID) && same(r.ConsumerID, consumerID) && !t.IssuedAt.After(r.IssuedBefore)
}

// Shares reports whether there may be a token that both r and other are about,
// where users are those of r's and whom a trust may put in one token with them.
func (r Revocation) Shares(other Revocation, users []string) bool {
	return (r.ProjectID == "" || other.ProjectID == "" || r.ProjectID == other.ProjectID) &&
		(r.UserID == "" || other.UserID == "" || slices.Contains(users, other.UserID))
}
