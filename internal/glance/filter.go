package glance

import "time"

// Visible says which images a caller may see.
type Visible struct {
	All     bool   // an admin sees every image
	Project string // the caller's; "" is none
}

// Filter narrows a list of images. A zero field does not.
type Filter struct {
	Names, IDs, Statuses, DiskFormats, ContainerFormats []string // any of them; nil: all

	Owner        *string
	Visibility   Visibility // "all" includes the community's
	MemberStatus string     // of the membership through which a shared image is seen; "all"
	Hidden       bool
	Protected    *bool
	Checksum     string
	HashValue    string

	Numbers    []NumberFilter
	Times      []TimeFilter
	Tags       []string          // all of them
	Properties map[string]string // all of them
}

// NumberFilter compares size, virtual_size, min_disk or min_ram with Value.
// An image that does not know the number never passes.
type NumberFilter struct {
	Column string
	Op     string // ">=", "<=", "="
	Value  int64
}

// TimeFilter compares created_at or updated_at with Value.
type TimeFilter struct {
	Column string
	Op     string // ">", ">=", "<", "<=", "=", "<>"
	Value  time.Time
}
