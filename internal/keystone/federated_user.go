package keystone

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// FederatedUser says as whom an identity provider knows a user.
type FederatedUser struct {
	IDPID      string `bun:"idp_id,pk"`
	ProtocolID string `bun:"protocol_id,pk"`
	UniqueID   string `bun:"unique_id,pk"` // escaped as in a URL
	UserID     string `bun:"user_id"`
}

// Attribute is what a list of users can be filtered by.
func (f FederatedUser) Attribute(name string) any {
	switch name {
	case "idp_id":
		return f.IDPID
	case "protocol_id":
		return f.ProtocolID
	case "unique_id":
		return f.UniqueID
	}
	return nil
}

// ExpiringMembership is a membership that an identity provider speaks of. It
// lasts so long after it was last said.
type ExpiringMembership struct {
	UserID       string    `bun:"user_id,pk"`
	GroupID      string    `bun:"group_id,pk"`
	IDPID        string    `bun:"idp_id,pk"`
	LastVerified time.Time `bun:"last_verified"`
}

// PublicID is the ID here of somebody or something that another directory
// knows by localID, as the original makes it: everybody makes the same.
func PublicID(domainID, kind, localID string) string {
	sum := sha256.Sum256([]byte(domainID + kind + localID))
	return hex.EncodeToString(sum[:])
}

// UsedAssertion is an assertion that was turned into a token, and is not to be again.
type UsedAssertion struct {
	ID     string    `bun:"id,pk"` // SHA-256 of its issuer and ID
	EndsAt time.Time `bun:"ends_at"`
}
