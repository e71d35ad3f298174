package keystone

import "time"

// Trust lets the trustee act on a project with some of the trustor's roles.
type Trust struct {
	ID                 string         `bun:"id,pk"`
	TrustorUserID      string         `bun:"trustor_user_id"`
	TrusteeUserID      string         `bun:"trustee_user_id"`
	ProjectID          string         `bun:"project_id"` // "" for none
	Impersonation      bool           `bun:"impersonation"`
	ExpiresAt          *time.Time     `bun:"expires_at"`
	RemainingUses      *int           `bun:"remaining_uses"` // tokens that may be issued yet; nil is any number
	DeletedAt          *time.Time     `bun:"deleted_at"`
	RedelegatedTrustID string         `bun:"redelegated_trust_id"` // the trust that this one hands on
	RedelegationCount  int            `bun:"redelegation_count"`   // how often it may be handed on yet
	Extra              map[string]any `bun:"extra"`

	RoleIDs []string `bun:"-"` // in the order of the request
}

// Live reports whether the trust has not ended, so that tokens made with it are good.
func (t Trust) Live(now time.Time) bool {
	return t.DeletedAt == nil && (t.ExpiresAt == nil || !now.After(*t.ExpiresAt))
}

// Usable reports whether the trust gives tokens yet.
func (t Trust) Usable(now time.Time) bool {
	return t.Live(now) && (t.RemainingUses == nil || *t.RemainingUses > 0)
}

// TrustRole says that a trust carries a role.
type TrustRole struct {
	TrustID string `bun:"trust_id,pk"`
	RoleID  string `bun:"role_id,pk"`
	Place   int    `bun:"place"`
}

// TrustFilter selects trusts; empty fields select all.
type TrustFilter struct{ TrustorUserID, TrusteeUserID string }

// TrustFlush selects the trusts that are removed for good; empty fields select all.
type TrustFlush struct {
	ProjectID, TrustorUserID, TrusteeUserID string
	Before                                  time.Time // when they expired, at the latest
}
