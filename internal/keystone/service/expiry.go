package service

import (
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
)

// timeForms are those of ISO 8601 that clients write times in.
var timeForms = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "20060102T150405Z07:00", "20060102T150405", "2006-01-02", "2006-01-02Z07:00"}

// parseTime reads a time, of UTC unless it says otherwise.
func parseTime(text string) (time.Time, bool) {
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

// expiryIn is the time at which what a client makes is to expire, nil if never.
func (s *Service) expiryIn(a keystone.Attributes) (*time.Time, error) {
	text := a.Text("expires_at")
	if text == "" {
		return nil, nil
	}
	const malformed = " The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error."
	t, ok := parseTime(strings.TrimSuffix(text, "Z") + "Z")
	if !ok {
		return nil, fault.BadRequest("Timestamp not in expected format.%s", malformed)
	}
	if t.Before(s.clock.Now()) {
		return nil, fault.BadRequest("The 'expires_at' must not be before now.%s", malformed)
	}
	return &t, nil
}

// after is the time d from now, nil if d is 0.
func (s *Service) after(d time.Duration) *time.Time {
	if d == 0 {
		return nil
	}
	t := s.clock.Now().Add(d)
	return &t
}
