package glance

import "time"

// LocationStatus is the state of a location.
type LocationStatus string

// The states of a location.
const (
	LocationActive        LocationStatus = "active"
	LocationPendingDelete LocationStatus = "pending_delete" // its bytes wait for the scrubber
)

// Location is a place that has the bytes of an image.
type Location struct {
	ID        string         `bun:"id,pk"`
	ImageID   string         `bun:"image_id"`
	Store     string         `bun:"store"` // ID of the store that reads it
	URL       string         `bun:"url"`   // "" is the store's own object of the image
	Status    LocationStatus `bun:"status"`
	Metadata  map[string]any `bun:"metadata"`
	Position  int            `bun:"position"` // the first is read first
	DeletedAt *time.Time     `bun:"deleted_at"`
}

// Own reports whether the bytes are the store's to keep and to remove.
func (l Location) Own() bool { return l.URL == "" }

// Hashing is an image whose bytes came by a location and are to be hashed, as
// processes of versions without a flow for that record it.
type Hashing struct {
	ImageID   string `bun:"image_id,pk"`
	HashAlgo  string `bun:"os_hash_algo"`
	HashValue string `bun:"os_hash_value"` // that the client expects; "" is any
	Tries     int    `bun:"tries"`         // that failed
}
