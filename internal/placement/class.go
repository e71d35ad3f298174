package placement

import (
	_ "embed"
	"regexp"
	"strings"
	"time"
)

// ResourceClass is a kind of resource.
type ResourceClass struct {
	Name      string    `bun:"name,pk"`
	Position  int64     `bun:"position"` // standard ones first, in their order
	UpdatedAt time.Time `bun:"updated_at"`
}

// Trait is a quality that providers can have.
type Trait struct {
	Name      string    `bun:"name,pk"`
	UpdatedAt time.Time `bun:"updated_at"`
}

// StandardClasses are the classes that exist everywhere (os-resource-classes).
var StandardClasses = []string{"VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE",
	"NUMA_THREAD", "NUMA_MEMORY_MB", "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC",
	"NET_BW_IGR_KILOBIT_PER_SEC", "PCPU", "MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU", "NET_PACKET_RATE_KILOPACKET_PER_SEC",
	"NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC", "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC"}

//go:embed traits.txt
var traits string

// StandardTraits are the traits that exist everywhere (os-traits).
func StandardTraits() []string { return strings.Fields(traits) }

// Custom reports whether a class or trait is one that users may make.
func Custom(name string) bool { return strings.HasPrefix(name, "CUSTOM_") }

var customName = regexp.MustCompile(`^CUSTOM_[A-Z0-9_]+$`)

// ValidCustom reports whether name may be given to a class or trait of a user's own.
func ValidCustom(name string) bool { return len(name) <= 255 && customName.MatchString(name) }

// SharingTrait marks providers that serve the members of their aggregates.
const SharingTrait = "MISC_SHARES_VIA_AGGREGATE"
