package placement

import "time"

// Allocation is how much of one class of one provider a consumer uses.
type Allocation struct {
	ConsumerUUID  string    `bun:"consumer_uuid,pk"`
	ProviderUUID  string    `bun:"provider_uuid,pk"`
	ResourceClass string    `bun:"resource_class,pk"`
	Used          int64     `bun:"used"`
	UpdatedAt     time.Time `bun:"updated_at"`
}

// Consumer is who uses resources, mostly a server.
type Consumer struct {
	UUID         string    `bun:"uuid,pk"`
	ProjectID    string    `bun:"project_id"`
	UserID       string    `bun:"user_id"`
	ConsumerType string    `bun:"consumer_type"` // "" is told as "unknown"
	Generation   int64     `bun:"generation"`
	UpdatedAt    time.Time `bun:"updated_at"`
}

// Claim is what one consumer is to have: all of it or nothing, replacing what it had.
type Claim struct {
	Consumer  string
	ProjectID string
	UserID    string
	Type      string // consumer type, where Typed
	Typed     bool   // the request named a consumer type
	Resources map[string]map[string]int64
	// Generation is what the caller believes the consumer's to be: nil for a
	// new consumer. It is only looked at when Checked.
	Generation *int64
	Checked    bool
}

// Usage is an amount of a resource class.
type Usage struct {
	ResourceClass string `bun:"resource_class"`
	Used          int64  `bun:"used"`
}

// TypedUsage is an amount used by consumers of one type.
type TypedUsage struct {
	ConsumerType  string `bun:"consumer_type"`
	ResourceClass string `bun:"resource_class"`
	Used          int64  `bun:"used"`
}
