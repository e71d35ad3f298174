package glance

import (
	"slices"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

// Status is the state of an image.
type Status string

// The states of an image.
const (
	Queued        Status = "queued"
	Saving        Status = "saving"
	Uploading     Status = "uploading"
	Importing     Status = "importing"
	Active        Status = "active"
	Deactivated   Status = "deactivated"
	Killed        Status = "killed"
	PendingDelete Status = "pending_delete"
	Deleted       Status = "deleted"
)

// next lists where each state may go.
var next = map[Status][]Status{
	Queued:        {Saving, Uploading, Importing, Active, Deleted},
	Saving:        {Active, Killed, Deleted, Queued},
	Uploading:     {Importing, Queued, Deleted},
	Importing:     {Active, Deleted, Queued},
	Active:        {PendingDelete, Deleted, Deactivated},
	Killed:        {Deleted},
	PendingDelete: {Deleted, Active},
	Deactivated:   {Active, Deleted},
}

// Visibility says who may see and use an image besides its owner.
type Visibility string

// The visibilities of an image.
const (
	Public    Visibility = "public"    // everybody, and it is in everybody's list
	Community Visibility = "community" // everybody who knows its ID
	Shared    Visibility = "shared"    // its members
	Private   Visibility = "private"   // nobody
)

// None is the size of an image that has no bytes, and a size nobody knows.
const None int64 = -1

// ReservedNamespace begins the names of properties that only the service sets.
const ReservedNamespace = "os_glance"

// Image is a record and, once active, the bytes it describes.
type Image struct {
	ID              string     `bun:"id,pk"`
	Name            string     `bun:"name"`
	Named           bool       `bun:"named"` // false: the name is null
	Owner           string     `bun:"owner"` // a project; "" is nobody
	Status          Status     `bun:"status"`
	Visibility      Visibility `bun:"visibility"`
	DiskFormat      string     `bun:"disk_format"`      // "" is not said yet
	ContainerFormat string     `bun:"container_format"` // "" is not said yet
	Size            int64      `bun:"size"`             // bytes, or None
	VirtualSize     int64      `bun:"virtual_size"`     // bytes, or None
	Checksum        string     `bun:"checksum"`         // MD5 in hex
	HashAlgo        string     `bun:"os_hash_algo"`
	HashValue       string     `bun:"os_hash_value"` // in hex
	MinDisk         int64      `bun:"min_disk"`      // GiB
	MinRAM          int64      `bun:"min_ram"`       // MiB
	Protected       bool       `bun:"protected"`
	Hidden          bool       `bun:"os_hidden"`
	CreatedAt       time.Time  `bun:"created_at"`
	UpdatedAt       time.Time  `bun:"updated_at"`
	DeletedAt       *time.Time `bun:"deleted_at"`

	Tags       []string           `bun:"-"` // sorted
	Properties map[string]*string `bun:"-"` // nil is null
	Locations  []Location         `bun:"-"` // the first is read first
	Member     string             `bun:"-"` // the caller's project if it sees the image as a member
}

// NewImage is a queued image as it is before the request says anything about
// it. Times of images have no fractions of a second.
func NewImage(id, owner string, now time.Time) Image {
	now = now.Truncate(time.Second)
	return Image{ID: id, Owner: owner, Status: Queued, Visibility: Shared, Size: None, VirtualSize: None,
		CreatedAt: now, UpdatedAt: now, Properties: map[string]*string{}}
}

// PolicyTarget is what policy rules are asked about.
func (i Image) PolicyTarget() policy.Target {
	return policy.Target{"project_id": i.Owner, "owner": i.Owner, "member_id": i.Member,
		"visibility": string(i.Visibility), "id": i.ID, "status": string(i.Status)}
}

// HasData reports whether the image has bytes to read.
func (i Image) HasData() bool { return len(i.Locations) > 0 }

// In reports whether a store has the image's bytes.
func (i Image) In(store string) bool {
	return slices.ContainsFunc(i.Locations, func(l Location) bool { return l.Store == store })
}

// To checks that the image may become to, a 409 otherwise. Bytes need a disk
// and a container format first, a 400.
func (i Image) To(to Status) error {
	if !slices.Contains(next[i.Status], to) {
		return fault.Conflict("Image status transition from %s to %s is not allowed", i.Status, to)
	}
	if to == Saving || i.Status == Queued && to == Active {
		return i.formatsSet()
	}
	return nil
}

// Copyable checks that a store more may get the image's bytes: it is being
// imported or has some.
func (i Image) Copyable() error {
	if i.Status != Importing && !i.HasData() {
		return fault.Conflict("Only images with status active can be targeted for copying")
	}
	return i.formatsSet()
}

func (i Image) formatsSet() error {
	var missing []string
	if i.DiskFormat == "" {
		missing = append(missing, "disk_format")
	}
	if i.ContainerFormat == "" {
		missing = append(missing, "container_format")
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return fault.BadRequest("Property %s must be set prior to saving data.", missing[0])
	}
	return fault.BadRequest("Properties %s must be set prior to saving data.", strings.Join(missing, ", "))
}
