package nova

import "time"

// DefaultZone is the availability zone of hosts that are in no aggregate with one.
const DefaultZone = "nova"

// InternalZone is the availability zone of everything that is not nova-compute.
const InternalZone = "internal"

// ZoneKey is the aggregate metadata that names an availability zone.
const ZoneKey = "availability_zone"

// Aggregate is a set of hosts with metadata; one whose metadata names an availability zone puts its hosts into it.
type Aggregate struct {
	ID        int64             `bun:"id,pk,autoincrement"`
	UUID      string            `bun:"uuid"`
	Name      string            `bun:"name"`
	Hosts     []string          `bun:"hosts"`
	Metadata  map[string]string `bun:"metadata"`
	CreatedAt time.Time         `bun:"created_at"`
	UpdatedAt *time.Time        `bun:"updated_at"`
}

// Zone is the availability zone the aggregate's hosts are in, or "".
func (a Aggregate) Zone() string { return a.Metadata[ZoneKey] }

// Zones tells the availability zone of every host that is in an aggregate with one.
func Zones(aggregates []Aggregate) map[string]string {
	zones := map[string]string{}
	for _, a := range aggregates {
		for _, h := range a.Hosts {
			if _, known := zones[h]; !known && a.Zone() != "" {
				zones[h] = a.Zone()
			}
		}
	}
	return zones
}

// ZoneOf tells the availability zone of a host.
func ZoneOf(host string, aggregates []Aggregate) string {
	for _, a := range aggregates {
		if a.Zone() == "" {
			continue
		}
		for _, h := range a.Hosts {
			if h == host {
				return a.Zone()
			}
		}
	}
	return DefaultZone
}
