// Package ml2 knows the types of networks that Nacre builds and the drivers
// that bind ports to hosts: which segments may be asked for, which are given
// out, how large a packet may be, and how a port looks to the hypervisor.
package ml2

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/fault"
)

// Config of the network types. The names are those of ml2_conf.ini.
type Config struct {
	TenantNetworkTypes []string           // what projects get, in order of preference
	PhysicalNetworks   []string           // of flat and VLAN networks; "*" for any
	VNIRanges          []Range            // of VXLAN
	VLANRanges         map[string][]Range // VLANs for projects, by physical network
	PhysicalMTU        int                // of the wires between hosts
}

// Range of ids, inclusive.
type Range struct{ First, Last int }

// DefaultConfig gives projects VXLAN networks.
func DefaultConfig() Config {
	return Config{TenantNetworkTypes: []string{neutron.TypeVXLAN}, PhysicalNetworks: []string{"public"},
		VNIRanges: []Range{{1, 1 << 20}}, PhysicalMTU: 1500}
}

// Overhead is what an encapsulation takes of a packet.
const vxlanOverhead = 50

// Segment is the part of a network that lies on one kind of wire.
type Segment struct {
	Type            string
	PhysicalNetwork string
	ID              int
}

// MaxMTU is the largest packet that fits a network of that type.
func (c Config) MaxMTU(typ string) int {
	if typ == neutron.TypeVXLAN {
		return c.PhysicalMTU - vxlanOverhead
	}
	return c.PhysicalMTU
}

// Check refuses a segment that an administrator asked for but cannot be had.
func (c Config) Check(s Segment) error {
	switch s.Type {
	case "":
		return neutron.InvalidInput("network_type required")
	case neutron.TypeFlat:
		return c.checkFlat(s)
	case neutron.TypeVLAN:
		return c.checkVLAN(s)
	case neutron.TypeVXLAN:
		return checkVXLAN(s)
	case neutron.TypeLocal:
		return checkLocal(s)
	}
	return neutron.InvalidInput("network_type value '%s' not supported", s.Type)
}

func (c Config) known(physical string) bool {
	return slices.Contains(c.PhysicalNetworks, physical) || slices.Contains(c.PhysicalNetworks, "*")
}

func (c Config) checkFlat(s Segment) error {
	switch {
	case s.PhysicalNetwork == "":
		return neutron.InvalidInput("physical_network required for flat provider network")
	case !c.known(s.PhysicalNetwork):
		return neutron.InvalidInput("physical_network '%s' unknown for flat provider network", s.PhysicalNetwork)
	case s.ID != 0:
		return neutron.InvalidInput("segmentation_id prohibited for flat provider network")
	}
	return nil
}

func (c Config) checkVLAN(s Segment) error {
	switch {
	case s.PhysicalNetwork == "" && s.ID != 0:
		return neutron.InvalidInput("segmentation_id requires physical_network for VLAN provider network")
	case s.PhysicalNetwork != "" && !c.known(s.PhysicalNetwork):
		return neutron.InvalidInput("physical_network '%s' unknown for VLAN provider network", s.PhysicalNetwork)
	case s.ID < 0 || s.ID > 4094:
		return neutron.InvalidInput("segmentation_id out of range (1 through 4094)")
	}
	return nil
}

func checkVXLAN(s Segment) error {
	switch {
	case s.PhysicalNetwork != "":
		return neutron.InvalidInput("provider:physical_network specified for vxlan network")
	case s.ID < 0 || s.ID >= 1<<24:
		return neutron.InvalidInput("segmentation_id out of range (1 through 16777215)")
	}
	return nil
}

func checkLocal(s Segment) error {
	switch {
	case s.PhysicalNetwork != "":
		return neutron.InvalidInput("physical_network prohibited for local provider network")
	case s.ID != 0:
		return neutron.InvalidInput("segmentation_id prohibited for local provider network")
	}
	return nil
}

// Taken is the refusal of a segment that another network has.
func Taken(s Segment) *fault.Fault {
	switch s.Type {
	case neutron.TypeFlat:
		return fault.Conflict("Unable to create the flat network. Physical network %s is in use.", s.PhysicalNetwork).As("FlatNetworkInUse")
	case neutron.TypeVLAN:
		return fault.Conflict("Unable to create the network. The VLAN %d on physical network %s is in use.", s.ID, s.PhysicalNetwork).As("VlanIdInUse")
	}
	return fault.Conflict("Unable to create the network. The tunnel ID %d is in use.", s.ID).As("TunnelIdInUse")
}

// Exhausted is the refusal when no segment is left.
func Exhausted() *fault.Fault {
	return fault.Unavailable("Unable to create the network. No project network is available for allocation.").As("NoNetworkAvailable")
}

// Pool is where free ids of one type and physical network come from.
type Pool struct {
	Type, PhysicalNetwork string
	Ranges                []Range
}

// Pools are the pools of a type, or of one physical network of it.
func (c Config) Pools(typ, physical string) []Pool {
	if typ != neutron.TypeVLAN {
		return []Pool{{Type: typ, Ranges: c.VNIRanges}}
	}
	var out []Pool
	for name, ranges := range c.VLANRanges {
		if physical == "" || physical == name {
			out = append(out, Pool{typ, name, ranges})
		}
	}
	slices.SortFunc(out, func(a, b Pool) int { return strings.Compare(a.PhysicalNetwork, b.PhysicalNetwork) })
	return out
}

// Size is how many ids the pool has.
func (p Pool) Size() int {
	n := 0
	for _, r := range p.Ranges {
		n += r.Last - r.First + 1
	}
	return n
}

func (p Pool) at(i int) int {
	for _, r := range p.Ranges {
		if n := r.Last - r.First + 1; i < n {
			return r.First + i
		} else {
			i -= n
		}
	}
	return 0
}

// Choose finds a free id: by chance first, then the lowest that used, in
// order, lacks. 0 means that there is none.
func (p Pool) Choose(taken func(id int) (bool, error), used func() ([]int, error)) (int, error) {
	size := p.Size()
	for range min(size, 8) {
		id := p.at(rand.IntN(size))
		if busy, err := taken(id); err != nil || !busy {
			return id, err
		}
	}
	have, err := used()
	if err != nil {
		return 0, err
	}
	for i := range size {
		if id := p.at(i); !slices.Contains(have, id) {
			return id, nil
		}
	}
	return 0, nil
}

// Binding is how a port shows on its host.
type Binding struct {
	VIFType string
	Details map[string]any
}

// Mechanism is a driver as the server sees it: can a host's agent wire a
// network, and how is a port plugged there.
type Mechanism interface {
	// AgentType of the agents that wire for this mechanism.
	AgentType() string
	// Bind answers false when the agent cannot wire the network.
	Bind(agent neutron.Agent, n neutron.Network, vnic string) (Binding, bool)
}

// Linux binds ports to kernel bridges.
type Linux struct{}

// AgentType is the L2 agent's.
func (Linux) AgentType() string { return rpcapi.AgentL2 }

// Bind asks whether the agent reported a way to the network's wire.
func (Linux) Bind(agent neutron.Agent, n neutron.Network, vnic string) (Binding, bool) {
	if vnic != neutron.VNICNormal || !reaches(agent, n) {
		return Binding{}, false
	}
	return Binding{VIFType: neutron.VIFBridge, Details: map[string]any{
		"port_filter": true, "connectivity": "l2", "bridge_name": rpcapi.BridgeName(n.ID),
	}}, true
}

func reaches(agent neutron.Agent, n neutron.Network) bool {
	switch n.Type {
	case neutron.TypeLocal:
		return true
	case neutron.TypeFlat, neutron.TypeVLAN:
		return has(agent.Configurations["bridge_mappings"], n.PhysicalNetwork) || has(agent.Configurations["interface_mappings"], n.PhysicalNetwork)
	}
	return has(agent.Configurations["tunnel_types"], n.Type)
}

// has looks for a name among the keys of a map or the members of a list.
func has(v any, name string) bool {
	switch t := v.(type) {
	case map[string]any:
		_, ok := t[name]
		return ok
	case map[string]string:
		_, ok := t[name]
		return ok
	case []any:
		return slices.ContainsFunc(t, func(e any) bool { return fmt.Sprint(e) == name })
	case []string:
		return slices.Contains(t, name)
	}
	return false
}
