package nova

import "time"

// Flavor is a size that servers come in. FlavorID is the API's id; Number only orders flavors by age.
type Flavor struct {
	Number      int64             `bun:"number"`
	FlavorID    string            `bun:"flavor_id,pk"`
	Name        string            `bun:"name"`
	MemoryMB    int               `bun:"memory_mb"`
	VCPUs       int               `bun:"vcpus"`
	RootGB      int               `bun:"root_gb"`
	EphemeralGB int               `bun:"ephemeral_gb"`
	SwapMB      int               `bun:"swap"`
	RXTXFactor  float64           `bun:"rxtx_factor"`
	VCPUWeight  int               `bun:"vcpu_weight"`
	IsPublic    bool              `bun:"is_public"`
	Disabled    bool              `bun:"disabled"`
	Description *string           `bun:"description"`
	ExtraSpecs  map[string]string `bun:"extra_specs"`
	CreatedAt   time.Time         `bun:"created_at"`
	UpdatedAt   *time.Time        `bun:"updated_at"`
}

// FlavorAccess lets one project use a private flavor.
type FlavorAccess struct {
	FlavorID  string `bun:"flavor_id,pk"`
	ProjectID string `bun:"project_id,pk"`
}

// FlavorFilter narrows a list of flavors. The zero value is every flavor.
type FlavorFilter struct {
	IsPublic  *bool  // nil: both
	ProjectID string // with IsPublic true: also the private flavors this project has access to
	MinDisk   int    // GB
	MinRAM    int    // MB
	Disabled  *bool
}

// DefaultFlavors are what a new cloud offers.
func DefaultFlavors() []Flavor {
	sizes := []struct {
		id, name             string
		memory, vcpus, rootG int
	}{
		{"42", "m1.nano", 128, 1, 1},
		{"1", "m1.tiny", 512, 1, 1},
		{"2", "m1.small", 2048, 1, 20},
		{"3", "m1.medium", 4096, 2, 40},
		{"4", "m1.large", 8192, 4, 80},
		{"5", "m1.xlarge", 16384, 8, 160},
	}
	var out []Flavor
	for _, s := range sizes {
		out = append(out, Flavor{FlavorID: s.id, Name: s.name, MemoryMB: s.memory, VCPUs: s.vcpus, RootGB: s.rootG,
			RXTXFactor: 1, IsPublic: true, ExtraSpecs: map[string]string{}})
	}
	return out
}
