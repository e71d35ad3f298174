package placement

import "time"

// ResourceProvider is something that has resources: a host, a NUMA cell, a shared disk.
type ResourceProvider struct {
	UUID       string    `bun:"uuid,pk"`
	Name       string    `bun:"name"`
	ParentUUID *string   `bun:"parent_uuid"`
	RootUUID   string    `bun:"root_uuid"`
	Generation int64     `bun:"generation"`
	Seq        int64     `bun:"seq"` // of the last change anywhere in placement that touched it
	CreatedAt  time.Time `bun:"created_at"`
	UpdatedAt  time.Time `bun:"updated_at"`
}

// Inventory is how much of one resource class a provider has.
type Inventory struct {
	ProviderUUID    string    `bun:"provider_uuid,pk"`
	ResourceClass   string    `bun:"resource_class,pk"`
	Total           int64     `bun:"total"`
	Reserved        int64     `bun:"reserved"`
	MinUnit         int64     `bun:"min_unit"`
	MaxUnit         int64     `bun:"max_unit"`
	StepSize        int64     `bun:"step_size"`
	AllocationRatio float64   `bun:"allocation_ratio"`
	UpdatedAt       time.Time `bun:"updated_at"`
}

// Capacity is how much may be allocated in all.
func (i Inventory) Capacity() int64 { return int64(float64(i.Total-i.Reserved) * i.AllocationRatio) }

// Fits reports whether amount obeys the units of the inventory.
func (i Inventory) Fits(amount int64) bool {
	return amount >= i.MinUnit && amount <= i.MaxUnit && amount%i.StepSize == 0
}

// ProviderTrait is a quality that a provider has.
type ProviderTrait struct {
	ProviderUUID string `bun:"provider_uuid,pk"`
	Trait        string `bun:"trait,pk"`
}

// ProviderAggregate is a group that a provider is in.
type ProviderAggregate struct {
	ProviderUUID  string `bun:"provider_uuid,pk"`
	AggregateUUID string `bun:"aggregate_uuid,pk"`
}
