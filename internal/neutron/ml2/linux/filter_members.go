package linux

import (
	"fmt"
	"net/netip"

	"nacre/internal/neutron/rpcapi"
)

// members are the addresses of one family in a security group that rules refer
// to: a named set, which the kernel is told only the changes of.
type members struct {
	first    *string // of the list it was made of: the same list means the same members
	size     int
	version  int // tells one list from the next
	prefixes []netip.Prefix
	set      *nftMap
}

// membersOf makes the set of a rule's remote group, once for all rules that
// refer to it and for as long as nobody comes or goes.
func (w *rendering) membersOf(r rpcapi.Rule) (name string, m *members, err error) {
	name = pick(r.EtherType == "IPv6", "members6-", "members4-") + r.RemoteGroup
	var first *string
	if len(r.RemoteIPs) > 0 {
		first = &r.RemoteIPs[0]
	}
	m = w.filters.members[name]
	if m == nil || m.first != first || m.size != len(r.RemoteIPs) {
		version := 1
		if m != nil {
			version = m.version + 1
		}
		if m, err = newMembers(r); err != nil {
			return name, nil, err
		}
		m.first, m.size, m.version = first, len(r.RemoteIPs), version
	}
	w.members[name] = m
	w.inet.maps[name] = m.set
	return name, m, nil
}

func newMembers(r rpcapi.Rule) (*members, error) {
	v6 := r.EtherType == "IPv6"
	m := &members{set: &nftMap{kind: "set", spec: "type " + pick(v6, "ipv6_addr", "ipv4_addr") + "; flags interval;", elements: map[string]string{}}}
	for _, cidr := range r.RemoteIPs {
		p, err := parsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		if p.Addr().Is6() == v6 {
			m.prefixes = append(m.prefixes, p)
		}
	}
	m.prefixes = distinct(m.prefixes)
	for _, p := range m.prefixes {
		m.set.elements[word(p)] = ""
	}
	return m, nil
}
