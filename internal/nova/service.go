package nova

import "time"

// ServiceDownAfter is how long a service may be silent before it counts as down.
const ServiceDownAfter = 60 * time.Second

// Service is a Nova process on a host, as it reported itself.
type Service struct {
	ID             string     `bun:"id,pk"`  // UUID, the API's id since 2.53
	Number         int64      `bun:"number"` // the API's id before 2.53
	Host           string     `bun:"host"`
	Binary         string     `bun:"binary_name"` // nova-compute, nova-conductor, nova-scheduler
	Disabled       bool       `bun:"disabled"`
	DisabledReason *string    `bun:"disabled_reason"`
	ForcedDown     bool       `bun:"forced_down"`
	LastSeenUp     time.Time  `bun:"last_seen_up"`
	CreatedAt      time.Time  `bun:"created_at"`
	UpdatedAt      *time.Time `bun:"updated_at"` // of the last change by an operator
}

// Up reports whether the service was heard of lately and nobody forced it down.
func (s Service) Up(now time.Time) bool {
	return !s.ForcedDown && now.Sub(s.LastSeenUp).Abs() <= ServiceDownAfter
}

// Status is "enabled" or "disabled".
func (s Service) Status() string {
	if s.Disabled {
		return "disabled"
	}
	return "enabled"
}

// State is "up" or "down".
func (s Service) State(now time.Time) string {
	if s.Up(now) {
		return "up"
	}
	return "down"
}

// Topic is the binary without "nova-".
func (s Service) Topic() string {
	if len(s.Binary) > 5 && s.Binary[:5] == "nova-" {
		return s.Binary[5:]
	}
	return s.Binary
}

// ServiceFilter narrows a list of services; the zero value is all of them.
type ServiceFilter struct{ Host, Binary string }

// Heard is when the service reported or was changed last.
func (s Service) Heard() time.Time {
	if s.UpdatedAt != nil && s.UpdatedAt.After(s.LastSeenUp) {
		return *s.UpdatedAt
	}
	return s.LastSeenUp
}
