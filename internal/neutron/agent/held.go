package agent

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// held is the state of the host as far as the agent has heard: the server
// sends it whole once, then what changes. What it says about networks and
// security groups that no port needs is forgotten.
type held struct {
	revision int64
	networks map[string]rpcapi.Network
	ports    map[string]rpcapi.Port
	groups   map[string]rpcapi.SecurityGroup
	routers  map[string]rpcapi.Router
	heard    map[string]int64 // of ports: the revision they came with
	sets     map[string]*heldSet
	blind    bool // nobody looks at sets
}

// heldSet is a set that many hosts hold.
type heldSet struct {
	revision int64 // rpcapi.Lacking: the set or a change of it was missed
	missed   int64 // the newest revision heard of meanwhile
	elements map[string]string
	v4, v6   []string // of a group: its addresses as CIDRs, in order; never changed in place
}

func newHeld() *held { return &held{sets: map[string]*heldSet{}} }

// take puts in what the server sent.
func (h *held) take(s rpcapi.HostState) {
	if !s.Partial {
		*h = held{sets: map[string]*heldSet{}, blind: h.blind, networks: map[string]rpcapi.Network{}, ports: map[string]rpcapi.Port{},
			groups: map[string]rpcapi.SecurityGroup{}, routers: map[string]rpcapi.Router{}, heard: map[string]int64{}}
	}
	h.revision = s.Revision
	for _, g := range s.Gone {
		h.drop(g)
	}
	for _, n := range s.Networks {
		h.networks[n.ID] = n
	}
	for _, p := range s.Ports {
		h.ports[p.ID], h.heard[p.ID] = p, s.Revision
	}
	for _, g := range s.SecurityGroups {
		h.groups[g.ID] = g
	}
	for _, r := range s.Routers {
		h.routers[r.ID] = r
	}
	h.takeClients(s)
	h.prune()
	for _, set := range s.Sets {
		h.takeSet(set)
	}
}

func (h *held) drop(r rpcapi.Resource) {
	switch r.Kind {
	case "network":
		delete(h.networks, r.ID)
	case "port":
		delete(h.ports, r.ID)
		delete(h.heard, r.ID)
	case "security_group":
		delete(h.groups, r.ID)
	case "router":
		delete(h.routers, r.ID)
	}
}

// takeClients changes the leases of DHCP servers. Lists that others read are
// never changed in place.
func (h *held) takeClients(s rpcapi.HostState) {
	gone := map[string]bool{}
	for _, g := range s.Gone {
		if g.Kind == "dhcp_client" {
			gone[g.ID] = true
		}
	}
	come := map[string][]rpcapi.DHCPHost{}
	for _, c := range s.Clients {
		come[c.NetworkID] = append(come[c.NetworkID], c.DHCPHost)
		gone[c.PortID] = true // as it was
	}
	if len(gone) == 0 {
		return
	}
	for id, n := range h.networks {
		if n.DHCP == nil {
			continue
		}
		dhcp := *n.DHCP
		dhcp.Hosts = make([]rpcapi.DHCPHost, 0, len(n.DHCP.Hosts)+len(come[id]))
		for _, host := range n.DHCP.Hosts {
			if !gone[host.PortID] {
				dhcp.Hosts = append(dhcp.Hosts, host)
			}
		}
		if len(dhcp.Hosts) == len(n.DHCP.Hosts) && len(come[id]) == 0 {
			continue
		}
		dhcp.Hosts = append(dhcp.Hosts, come[id]...)
		n.DHCP = &dhcp
		h.networks[id] = n
	}
}

// needs are the networks, groups and sets that the host's ports need.
func (h *held) needs() (networks, groups, sets map[string]bool) {
	networks, groups, sets = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range h.ports {
		networks[p.NetworkID] = true
		for _, g := range p.SecurityGroups {
			groups[g] = true
		}
	}
	for _, r := range h.routers {
		for _, i := range r.Interfaces {
			networks[i.NetworkID] = true
		}
		if r.Gateway != nil {
			networks[r.Gateway.NetworkID] = true
		}
	}
	for id, n := range h.networks {
		if n.DHCP != nil {
			networks[id] = true
		}
		if networks[id] && n.Type == "vxlan" {
			sets[rpcapi.NetworkSet(id)] = true
		}
	}
	if h.blind {
		clear(sets)
		return networks, groups, sets
	}
	for id, g := range h.groups {
		if !groups[id] {
			continue
		}
		for _, r := range g.Rules {
			if r.RemoteGroup != "" {
				sets[rpcapi.GroupSet(r.RemoteGroup)] = true
			}
		}
	}
	return networks, groups, sets
}

// prune forgets what no port needs.
func (h *held) prune() {
	networks, groups, sets := h.needs()
	maps.DeleteFunc(h.networks, func(id string, _ rpcapi.Network) bool { return !networks[id] })
	maps.DeleteFunc(h.groups, func(id string, _ rpcapi.SecurityGroup) bool { return !groups[id] })
	maps.DeleteFunc(h.sets, func(id string, _ *heldSet) bool { return !sets[id] })
}

// missing is what must still be asked for.
func (h *held) missing() (want []rpcapi.Resource, sets map[string]int64) {
	networks, groups, needed := h.needs()
	for id := range networks {
		if _, ok := h.networks[id]; !ok && id != "" {
			want = append(want, rpcapi.Resource{Kind: "network", ID: id})
		}
	}
	for id := range groups {
		if _, ok := h.groups[id]; !ok {
			want = append(want, rpcapi.Resource{Kind: "security_group", ID: id})
		}
	}
	sets = map[string]int64{}
	for id := range needed {
		if s := h.sets[id]; s == nil || s.revision == rpcapi.Lacking {
			sets[id] = rpcapi.Lacking
		}
	}
	return want, sets
}

// expect makes room for sets that are asked for, so that what is heard of them
// before the answer is not forgotten.
func (h *held) expect(sets map[string]int64) {
	for id := range sets {
		if h.sets[id] == nil {
			h.sets[id] = &heldSet{revision: rpcapi.Lacking, elements: map[string]string{}}
		}
	}
}

// revisions are those of all sets held.
func (h *held) revisions() map[string]int64 {
	out := make(map[string]int64, len(h.sets))
	for id, s := range h.sets {
		out[id] = s.revision
	}
	return out
}

// takeSet puts in a set, or what changed in it, and tells whether that was news.
func (h *held) takeSet(s rpcapi.AddressSet) bool {
	had := h.sets[s.ID]
	switch {
	case had != nil && had.revision >= s.Revision:
		return false
	case s.After == rpcapi.Lacking:
		set := &heldSet{revision: s.Revision, elements: map[string]string{}}
		set.change(s)
		if had != nil && had.missed > s.Revision { // it was read before that
			set.revision, set.missed = rpcapi.Lacking, had.missed
		}
		h.sets[s.ID] = set
		return true
	case had == nil:
		return false
	case had.revision < s.After: // also when it is lacking
		news := had.revision != rpcapi.Lacking
		had.revision, had.missed = rpcapi.Lacking, max(had.missed, s.Revision)
		return news
	}
	had.revision = s.Revision
	had.change(s)
	return true
}

// change lets elements come and go. Elements of a group become CIDRs; hosts,
// the elements of a network's set, do not.
func (s *heldSet) change(news rpcapi.AddressSet) {
	var gone, come [2][]string // IPv4, IPv6
	sort := func(lists *[2][]string, element string) {
		if cidr, v4, ok := asCIDR(element); ok && v4 {
			lists[0] = append(lists[0], cidr)
		} else if ok {
			lists[1] = append(lists[1], cidr)
		}
	}
	afresh := false // several elements may be the same prefix
	for _, e := range news.Gone {
		if _, had := s.elements[e]; had {
			sort(&gone, e)
		}
		delete(s.elements, e)
		afresh = afresh || strings.Contains(e, "/") || s.has(e+"/32") || s.has(e+"/128")
	}
	for e, address := range news.Elements {
		if !s.has(e) {
			sort(&come, e)
		}
		s.elements[e] = address
	}
	if afresh {
		s.v4, s.v6, gone, come = nil, nil, [2][]string{}, [2][]string{}
		for e := range s.elements {
			sort(&come, e)
		}
	}
	s.v4, s.v6 = merged(s.v4, gone[0], come[0]), merged(s.v6, gone[1], come[1])
}

func (s *heldSet) has(e string) bool { _, ok := s.elements[e]; return ok }

// merged is a sorted list without gone and with come; the list itself when
// nothing differs.
func merged(list, gone, come []string) []string {
	if len(gone)+len(come) == 0 {
		return list
	}
	slices.Sort(gone)
	slices.Sort(come)
	out := make([]string, 0, len(list)+len(come))
	for _, e := range list {
		for len(come) > 0 && come[0] < e {
			out, come = append(out, come[0]), come[1:]
		}
		for len(gone) > 0 && gone[0] < e {
			gone = gone[1:]
		}
		if len(gone) == 0 || gone[0] != e {
			out = append(out, e)
		}
	}
	return append(out, come...)
}

// state is the whole of it, for the driver of that host.
func (h *held) state(host string) rpcapi.HostState {
	out := rpcapi.HostState{Revision: h.revision, Networks: inOrder(h.networks), Ports: inOrder(h.ports), Routers: inOrder(h.routers)}
	for _, g := range inOrder(h.groups) {
		g.Rules = slices.Clone(g.Rules)
		for i := range g.Rules {
			if r := &g.Rules[i]; r.RemoteGroup != "" {
				r.RemoteIPs = h.addresses(r.RemoteGroup, r.EtherType)
			}
		}
		out.SecurityGroups = append(out.SecurityGroups, g)
	}
	for _, n := range out.Networks {
		if set := h.sets[rpcapi.NetworkSet(n.ID)]; set != nil {
			out.Peers = append(out.Peers, peers(n, set, host)...)
		}
	}
	return out
}

// peers are the endpoints of a network's other hosts.
func peers(n rpcapi.Network, set *heldSet, host string) []rpcapi.Peer {
	var addresses []string
	for name, address := range set.elements {
		if name != host {
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		return nil
	}
	slices.Sort(addresses)
	return []rpcapi.Peer{{NetworkID: n.ID, VNI: n.SegmentationID, Addresses: slices.Compact(addresses)}}
}

// addresses of a group's set as CIDRs of one family.
func (h *held) addresses(group, ethertype string) []string {
	set := h.sets[rpcapi.GroupSet(group)]
	if set == nil {
		return nil
	}
	if ethertype == "IPv4" {
		return set.v4
	}
	return set.v6
}

// asCIDR writes an address or prefix as a prefix.
func asCIDR(s string) (cidr string, v4, ok bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return "", false, false
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	return p.Masked().String(), p.Addr().Is4(), true
}

func inOrder[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, id := range slices.SortedFunc(maps.Keys(m), strings.Compare) {
		out = append(out, m[id])
	}
	return out
}
