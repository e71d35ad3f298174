package token

import (
	"crypto/rand"
	"encoding/base64"
)

// NewAuditID is a random audit ID: 16 bytes in URL-safe base64 without padding.
func NewAuditID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
