package keystone

import (
	"crypto/sha256"
	"encoding/hex"
)

// CredentialEC2 is the type of credentials that EC2 and S3 requests are signed with.
const CredentialEC2 = "ec2"

// CredentialTOTP is the type of credentials that passcodes are made from.
const CredentialTOTP = "totp"

// Credential is a secret of a user that the service keeps for others: an EC2
// key pair, the seed of a TOTP device, a certificate.
type Credential struct {
	ID        string         `bun:"id,pk"`
	UserID    string         `bun:"user_id"`
	ProjectID string         `bun:"project_id"` // "" for none
	Type      string         `bun:"type"`
	Sealed    string         `bun:"encrypted_blob"` // Blob as it lies in the database
	KeyHash   string         `bun:"key_hash"`       // of the key that sealed it
	Extra     map[string]any `bun:"extra"`

	Blob string `bun:"-"`
}

// EC2CredentialID is the ID of the credential with that access key.
func EC2CredentialID(access string) string {
	sum := sha256.Sum256([]byte(access))
	return hex.EncodeToString(sum[:])
}

// EC2Blob is the blob of an EC2 credential. The IDs say what the token was
// delegated by that made it: what it gives can do no more.
type EC2Blob struct {
	Access        string `json:"access"`
	Secret        string `json:"secret"`
	TrustID       string `json:"trust_id"`
	AppCredID     string `json:"app_cred_id"`
	AccessTokenID string `json:"access_token_id"`
}

// Attribute is what a list can be filtered by.
func (c Credential) Attribute(name string) any {
	switch name {
	case "user_id":
		return c.UserID
	case "type":
		return c.Type
	}
	return nil
}
