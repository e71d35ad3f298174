package nova

import "time"

// OrphanGuest is a guest that a host has and that no server accounts for. It
// is left alone for an operator to look at, one row of orphan_guests.
type OrphanGuest struct {
	Host      string    `bun:"host,pk" json:"host"`
	GuestID   string    `bun:"guest_id,pk" json:"guest_id"`
	GuestName string    `bun:"guest_name" json:"guest_name"`
	Reason    string    `bun:"reason" json:"reason"`
	FirstSeen time.Time `bun:"first_seen" json:"first_seen"`
	LastSeen  time.Time `bun:"last_seen" json:"last_seen"`
}
