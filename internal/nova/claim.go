package nova

import "errors"

// Resources are amounts by resource class: VCPU, MEMORY_MB, DISK_GB, CUSTOM_….
type Resources map[string]int

// The classes that every server uses.
const (
	ClassVCPU   = "VCPU"
	ClassMemory = "MEMORY_MB"
	ClassDisk   = "DISK_GB"
)

// ClaimRequest is what a server needs of one host, as Placement is asked.
type ClaimRequest struct {
	Resources Resources
	Required  []string // traits the host must have
	Forbidden []string // traits it must not have
	Limit     int      // of candidates; 0: all
}

// Candidate is a host that could take a claim now, with what Placement knows of it.
type Candidate struct {
	ProviderID string
	Capacity   map[string]Capacity // by resource class
}

// Capacity is what a provider offers of one resource class. What may be used
// in all is (Total − Reserved) × Ratio, at once at most MaxUnit.
type Capacity struct {
	Total, Reserved, Used int
	MinUnit, MaxUnit      int
	Ratio                 float64
}

// Limit is how much may be used in all.
func (c Capacity) Limit() int { return int(float64(c.Total-c.Reserved) * c.Ratio) }

// Free is how much more may be used.
func (c Capacity) Free() int { return max(0, c.Limit()-c.Used) }

// ErrClaimLost means that a host that could take a claim no longer can.
var ErrClaimLost = errors.New("the host has no room any more")

// ProviderInventory is what a host's resource provider offers.
type ProviderInventory struct {
	ProviderID string
	Name       string
	Traits     []string
	Inventory  map[string]Capacity
}
