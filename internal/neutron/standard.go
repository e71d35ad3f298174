package neutron

import (
	"slices"
	"time"
)

// Standard are the attributes that every resource has. The JSON names of all
// nouns are those of the API; `api:"null"` says that the zero value is null.
type Standard struct {
	Description string    `bun:"description" json:"description"`
	Tags        []string  `bun:"tags" json:"tags"` // sorted
	CreatedAt   time.Time `bun:"created_at" json:"created_at"`
	UpdatedAt   time.Time `bun:"updated_at" json:"updated_at"`
	Revision    int       `bun:"revision_number" json:"revision_number"` // grows with every change
}

// Touch records a change at now.
func (s *Standard) Touch(now time.Time) {
	s.UpdatedAt = now
	s.Revision++
}

// NewStandard is that of a resource made at now.
func NewStandard(description string, now time.Time) Standard {
	return Standard{Description: description, Tags: []string{}, CreatedAt: now, UpdatedAt: now}
}

// Query selects, orders and pages a list.
type Query struct {
	Filters []Filter
	Sort    []Sort
	Limit   int    // 0 for all
	Marker  string // id of the last one seen, "" to begin
	Reverse bool   // the page before the marker

	ProjectID string // what others share with it is in the list too; "" means everything there is

	// Fields are the attributes that will be looked at, nil for all. Those that
	// policy rules ask about are there too.
	Fields []string
}

// Shows tells whether an attribute will be looked at.
func (q Query) Shows(attr string) bool { return len(q.Fields) == 0 || slices.Contains(q.Fields, attr) }

// Filter keeps the rows of which the attribute has one of the values.
type Filter struct {
	Attr   string
	Values []any // string, bool, int64; nil is null
}

// Sort is one key of an order.
type Sort struct {
	Attr string
	Desc bool
}

// Values of the filter on attr, as text; nil when there is none.
func (q Query) Values(attr string) []any {
	for _, f := range q.Filters {
		if f.Attr == attr {
			return f.Values
		}
	}
	return nil
}
