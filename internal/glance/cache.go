package glance

import "time"

// Cached is an image whose bytes an API host keeps near itself.
type Cached struct {
	Node         string    `bun:"node,pk"` // the host
	ImageID      string    `bun:"image_id,pk"`
	Size         int64     `bun:"size"`
	Hits         int64     `bun:"hits"`
	LastAccessed time.Time `bun:"last_accessed"`
	LastModified time.Time `bun:"last_modified"`
}

// CacheRequest is an image that a host is to fetch.
type CacheRequest struct {
	Node     string    `bun:"node,pk"`
	ImageID  string    `bun:"image_id,pk"`
	QueuedAt time.Time `bun:"queued_at"`
}
