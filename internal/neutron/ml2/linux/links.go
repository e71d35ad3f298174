package linux

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// aliasPrefix begins the alias of every link that the driver made or took
// over; no other link is ever removed.
const aliasPrefix = "nacre:"

// readLinks takes stock of the host's links.
func (r *round) readLinks() error {
	links, err := r.nl.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return err
	}
	r.links = make(map[string]netlink.Link, len(links))
	for _, l := range links {
		r.links[l.Attrs().Name] = l
	}
	return nil
}

// refresh reads one link again after it was made or changed.
func (r *round) refresh(name string) (netlink.Link, error) {
	l, err := r.nl.LinkByName(name)
	if err != nil {
		delete(r.links, name)
		return nil, fmt.Errorf("look up %s: %w", name, err)
	}
	r.links[name] = l
	return l, nil
}

// ensureBridge makes a bridge, or takes over the one that nova made before us.
func (r *round) ensureBridge(name, owner string, mtu int) (netlink.Link, error) {
	if r.links[name] == nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := r.nl.LinkAdd(bridge); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("make bridge %s: %w", name, err)
		}
		r.nl.LinkSetIP6AddrGenMode(bridge, noLinkLocal)
		if _, err := r.refresh(name); err != nil {
			return nil, err
		}
	}
	link, err := r.settle(name, owner, mtu, 0)
	if err != nil {
		return nil, err
	}
	return link, r.flood(link)
}

// flood makes a bridge pass multicast to everybody: nobody on it asks who
// listens, and neighbour discovery must not wait for an answer.
func (r *round) flood(l netlink.Link) error {
	b, ok := l.(*netlink.Bridge)
	if !ok || b.MulticastSnooping == nil || !*b.MulticastSnooping {
		return nil
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name = b.Index, b.Name
	if err := r.nl.BridgeSetMcastSnoop(&netlink.Bridge{LinkAttrs: attrs}, false); err != nil {
		return fmt.Errorf("turn off multicast snooping of %s: %w", b.Name, err)
	}
	return nil
}

// settle gives a link its alias, MTU, master (0: leave it) and sets it up.
func (r *round) settle(name, owner string, mtu, master int) (netlink.Link, error) {
	l := r.links[name]
	a := l.Attrs()
	var err error
	if alias := aliasPrefix + owner; a.Alias != alias {
		err = r.nl.LinkSetAlias(l, alias)
	}
	if err == nil && mtu > 0 && a.MTU != mtu {
		err = r.nl.LinkSetMTU(l, mtu)
	}
	if err == nil && master != 0 && a.MasterIndex != master {
		err = r.nl.LinkSetMasterByIndex(l, master)
	}
	if err == nil && a.Flags&net.FlagUp == 0 {
		err = r.nl.LinkSetUp(l)
	}
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", name, err)
	}
	return r.refresh(name)
}

// deleteLink removes a link of the host; absent is success.
func (r *round) deleteLink(name string) error {
	l := r.links[name]
	if l == nil {
		return nil
	}
	delete(r.links, name)
	err := r.nl.LinkDel(l)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// ours tells links that the driver made or took over.
func ours(l netlink.Link) bool { return strings.HasPrefix(l.Attrs().Alias, aliasPrefix) }

// pair is a veth from a bridge of the host into a namespace.
type pair struct {
	outer  string // on the host
	inner  string // in the namespace
	mac    net.HardwareAddr
	mtu    int
	bridge string
	owner  string
}

// ensurePair makes a veth whose inner end lies in ns, and gives the inner end.
// A half that lost the other is made anew.
func (r *round) ensurePair(ns *namespace, p pair) (netlink.Link, error) {
	bridge := r.links[p.bridge]
	if bridge == nil {
		return nil, fmt.Errorf("bridge %s is absent", p.bridge)
	}
	inner, err := ns.nl.LinkByName(p.inner)
	if err != nil || r.links[p.outer] == nil {
		if inner, err = r.makePair(ns, p); err != nil {
			return nil, err
		}
	}
	if _, err := r.settle(p.outer, p.owner, p.mtu, bridge.Attrs().Index); err != nil {
		return nil, err
	}
	return inner, ns.settle(inner, p.mac, p.mtu)
}

func (r *round) makePair(ns *namespace, p pair) (netlink.Link, error) {
	if err := r.deleteLink(p.outer); err != nil {
		return nil, fmt.Errorf("remove %s: %w", p.outer, err)
	}
	if half, err := ns.nl.LinkByName(p.inner); err == nil {
		if err := ns.nl.LinkDel(half); err != nil {
			return nil, fmt.Errorf("remove %s: %w", p.inner, err)
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = p.outer
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: p.inner, PeerHardwareAddr: p.mac, PeerNamespace: netlink.NsFd(ns.ns)}
	if err := r.nl.LinkAdd(veth); err != nil {
		return nil, fmt.Errorf("make veth %s-%s: %w", p.outer, p.inner, err)
	}
	r.nl.LinkSetIP6AddrGenMode(veth, noLinkLocal)
	if _, err := r.refresh(p.outer); err != nil {
		return nil, err
	}
	return ns.nl.LinkByName(p.inner)
}

// settle gives a namespace's end its MAC and MTU and sets it up.
func (n *namespace) settle(l netlink.Link, mac net.HardwareAddr, mtu int) error {
	a := l.Attrs()
	var err error
	if mac != nil && a.HardwareAddr.String() != mac.String() {
		err = n.nl.LinkSetHardwareAddr(l, mac)
	}
	if err == nil && mtu > 0 && a.MTU != mtu {
		err = n.nl.LinkSetMTU(l, mtu)
	}
	if err == nil && a.Flags&net.FlagUp == 0 {
		err = n.nl.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("set up %s: %w", a.Name, err)
	}
	return nil
}

// setAddresses makes the addresses of a link exactly cidrs; link-local IPv6
// addresses are the kernel's business. It gives those that it added.
func (n *namespace) setAddresses(l netlink.Link, cidrs []string) (added []net.IP, err error) {
	have, err := n.nl.AddrList(l, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	wanted := map[string]*netlink.Addr{}
	for _, cidr := range cidrs {
		addr, err := netlink.ParseAddr(cidr)
		if err != nil {
			return nil, err
		}
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD
		}
		wanted[addr.IPNet.String()] = addr
	}
	for _, addr := range have {
		if wanted[addr.IPNet.String()] != nil {
			delete(wanted, addr.IPNet.String())
		} else if !(addr.IP.To4() == nil && addr.IP.IsLinkLocalUnicast()) {
			if err := n.nl.AddrDel(l, &addr); err != nil {
				return nil, fmt.Errorf("remove address %s: %w", addr.IPNet, err)
			}
		}
	}
	for _, addr := range wanted {
		if err := n.nl.AddrAdd(l, addr); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("add address %s: %w", addr.IPNet, err)
		}
		added = append(added, addr.IP)
	}
	return added, nil
}

// noLinkLocal is IN6_ADDR_GEN_MODE_NONE: links that only pass frames on have no
// address of their own.
const noLinkLocal = 1
