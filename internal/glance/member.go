package glance

import "time"

// The states of a membership.
const (
	Pending  = "pending"
	Accepted = "accepted"
	Rejected = "rejected"
)

// Member is a project that a shared image was offered to.
type Member struct {
	ImageID   string    `bun:"image_id,pk"`
	Project   string    `bun:"member,pk"`
	Status    string    `bun:"status"` // Pending, Accepted or Rejected
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
}
