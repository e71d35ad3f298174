package nova

import "time"

// ConsoleToken lets one browser reach one guest's console, once. Only the
// hash of the token is kept, in the table console_tokens.
type ConsoleToken struct {
	Hash      string     `bun:"token_hash,pk"` // SHA-256, hex
	ServerID  string     `bun:"server_id"`
	UserID    string     `bun:"user_id"`
	ProjectID string     `bun:"project_id"`
	Type      string     `bun:"console_type"` // novnc, serial
	Host      string     `bun:"host"`
	Network   string     `bun:"network"` // tcp, unix
	Address   string     `bun:"address"` // host:port, or a path on Host
	CreatedAt time.Time  `bun:"created_at"`
	ExpiresAt time.Time  `bun:"expires_at"`
	UsedAt    *time.Time `bun:"used_at"`
}
