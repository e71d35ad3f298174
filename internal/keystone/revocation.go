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
	IssuedBefore time.Time  `bun:"issued_before"`
	ExpiresAt    *time.Time `bun:"expires_at"`
	RevokedAt    time.Time  `bun:"revoked_at"`
}

// Covers reports whether t is revoked by the event.
func (r Revocation) Covers(t Token) bool {
	auditID, domain := "", ""
	if len(t.AuditIDs) > 0 {
		auditID = t.AuditIDs[0]
	}
	if t.Domain != nil {
		domain = t.Domain.ID
	}
	same := func(want string, have ...string) bool { return want == "" || slices.Contains(have, want) }
	return same(r.AuditID, auditID) && same(r.UserID, t.Users()...) && same(r.ProjectID, t.ProjectID()) &&
		same(r.DomainID, t.UserDomain.ID, t.ProjectDomain.ID, domain) && !t.IssuedAt.After(r.IssuedBefore)
}
