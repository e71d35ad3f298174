package nova

import "time"

// The types of keypair.
const (
	KeypairSSH  = "ssh"
	KeypairX509 = "x509"
)

// Keypair is a public key that a user's new servers are given. It belongs to a user, not to a project.
type Keypair struct {
	ID          int64      `bun:"id,pk,autoincrement"`
	UserID      string     `bun:"user_id"`
	Name        string     `bun:"name"`
	Type        string     `bun:"type"`
	Fingerprint string     `bun:"fingerprint"` // MD5 of an SSH key, SHA-1 of a certificate, hex with colons
	PublicKey   string     `bun:"public_key"`
	CreatedAt   time.Time  `bun:"created_at"`
	UpdatedAt   *time.Time `bun:"updated_at"`
}
