package linux

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nacre/internal/neutron/rpcapi"
)

// applyNetworks makes each network's bridge and its way out of the host.
func (r *round) applyNetworks() {
	peers := map[string][]string{}
	for _, p := range r.want.Peers {
		peers[p.NetworkID] = append(peers[p.NetworkID], p.Addresses...)
	}
	for _, n := range r.want.Networks {
		n.DHCP, n.RouterIPs, n.Subnets = nil, nil, nil
		state := []any{n, peers[n.ID]}
		err := r.unlessDone("network "+n.ID, state, func() error { return r.applyNetwork(n, peers[n.ID]) })
		if err != nil {
			r.failed("network", n.ID, err)
		}
		r.wired[n.ID] = err == nil
	}
}

func (r *round) applyNetwork(n rpcapi.Network, peers []string) error {
	bridge, err := r.ensureBridge(n.Bridge, "network "+n.ID, n.MTU)
	if err != nil {
		return err
	}
	switch n.Type {
	case "vxlan":
		return r.ensureVXLAN(n, bridge, peers)
	case "flat":
		return r.ensureFlat(n, bridge)
	case "vlan":
		return r.ensureVLAN(n, bridge)
	case "local":
		return nil
	}
	return fmt.Errorf("network type %s is not supported by the linux driver", n.Type)
}

func vxlanName(vni int) string { return fmt.Sprintf("vxlan-%d", vni) }

// ensureVXLAN keeps the network's VXLAN device and one flooding entry for each
// other host; where an address lives is learned from its packets.
func (r *round) ensureVXLAN(n rpcapi.Network, bridge netlink.Link, peers []string) error {
	if r.cfg.TunnelIP == "" {
		if len(peers) > 0 {
			return fmt.Errorf("network reaches %d other hosts, but this host has no tunnel address", len(peers))
		}
		return nil
	}
	name, local := vxlanName(n.SegmentationID), net.ParseIP(r.cfg.TunnelIP)
	if have, ok := r.links[name].(*netlink.Vxlan); ok && (!have.SrcAddr.Equal(local) || have.Port != r.cfg.VXLANPort || !ours(have)) {
		if err := r.deleteLink(name); err != nil {
			return err
		}
	}
	if r.links[name] == nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		device := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: n.SegmentationID, SrcAddr: local, Port: r.cfg.VXLANPort, Learning: true}
		if err := r.nl.LinkAdd(device); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		r.nl.LinkSetIP6AddrGenMode(device, noLinkLocal)
		if _, err := r.refresh(name); err != nil {
			return err
		}
	}
	link, err := r.settle(name, "network "+n.ID, n.MTU, bridge.Attrs().Index)
	if err != nil {
		return err
	}
	return r.setPeers(link, peers)
}

// setPeers makes the flooding entries of a VXLAN device exactly peers, and
// forgets what was learned to live behind others.
func (r *round) setPeers(link netlink.Link, peers []string) error {
	have, err := r.nl.NeighList(link.Attrs().Index, unix.AF_BRIDGE)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("list tunnel peers: %w", err)
	}
	wanted, missing := map[string]bool{}, map[string]bool{}
	for _, p := range peers {
		if p != r.cfg.TunnelIP {
			wanted[p], missing[p] = true, true
		}
	}
	var errs error
	for _, e := range have {
		if e.IP == nil {
			continue
		}
		if e.HardwareAddr.String() == unknownMAC.String() {
			delete(missing, e.IP.String())
		}
		if !wanted[e.IP.String()] {
			if err := r.nl.NeighDel(peerEntry(link, e.HardwareAddr, e.IP)); err != nil && !errors.Is(err, unix.ENOENT) {
				errs = errors.Join(errs, fmt.Errorf("remove tunnel peer %s: %w", e.IP, err))
			}
		}
	}
	for p := range missing {
		if err := r.nl.NeighAppend(peerEntry(link, unknownMAC, net.ParseIP(p))); err != nil {
			errs = errors.Join(errs, fmt.Errorf("add tunnel peer %s: %w", p, err))
		}
	}
	return errs
}

// unknownMAC is the address of frames whose place is not known.
var unknownMAC = net.HardwareAddr{0, 0, 0, 0, 0, 0}

func peerEntry(link netlink.Link, mac net.HardwareAddr, ip net.IP) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: link.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_PERMANENT | netlink.NUD_NOARP,
		Flags: netlink.NTF_SELF, IP: ip, HardwareAddr: mac}
}

// physical finds what a physical network is mapped to on this host.
func (r *round) physical(n rpcapi.Network) (netlink.Link, error) {
	name, ok := r.cfg.BridgeMappings[n.PhysicalNetwork]
	if !ok {
		return nil, fmt.Errorf("physical network %q has no bridge mapping on this host", n.PhysicalNetwork)
	}
	link := r.links[name]
	if link == nil {
		return nil, fmt.Errorf("%s, which physical network %q is mapped to, is absent", name, n.PhysicalNetwork)
	}
	return link, nil
}

// ensureFlat joins the network's bridge with its physical network.
func (r *round) ensureFlat(n rpcapi.Network, bridge netlink.Link) error {
	link, err := r.physical(n)
	if err != nil {
		return err
	}
	if link.Type() == "bridge" {
		return r.joinBridges(n, bridge, link)
	}
	return r.enslave(n, bridge, link)
}

// phyNames are the ends of the veth between a network's bridge and the bridge
// of its physical network: filters stay on the former, the host's address on the latter.
func phyNames(networkID string) (inner, outer string) {
	return "phy" + short(networkID), "phb" + short(networkID)
}

func short(id string) string { return id[:min(11, len(id))] }

func (r *round) joinBridges(n rpcapi.Network, bridge, physical netlink.Link) error {
	inner, outer := phyNames(n.ID)
	if r.links[inner] == nil || r.links[outer] == nil {
		if err := r.deleteLink(inner); err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = inner
		veth := &netlink.Veth{LinkAttrs: attrs, PeerName: outer}
		if err := r.nl.LinkAdd(veth); err != nil {
			return fmt.Errorf("make veth %s-%s: %w", inner, outer, err)
		}
		for _, name := range []string{inner, outer} {
			l, err := r.refresh(name)
			if err != nil {
				return err
			}
			r.nl.LinkSetIP6AddrGenMode(l, noLinkLocal)
		}
	}
	if _, err := r.settle(inner, "network "+n.ID, n.MTU, bridge.Attrs().Index); err != nil {
		return err
	}
	_, err := r.settle(outer, "network "+n.ID, n.MTU, physical.Attrs().Index)
	return err
}

// enslave puts an interface of the host onto the network's bridge. One that
// bears the host's own addresses is refused: the host would fall silent.
func (r *round) enslave(n rpcapi.Network, bridge, link netlink.Link) error {
	name := link.Attrs().Name
	if link.Attrs().MasterIndex == bridge.Attrs().Index && link.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	addrs, err := r.nl.AddrList(link, netlink.FAMILY_V4)
	if err == nil && len(addrs) > 0 {
		err = fmt.Errorf("%s has the address %s: map physical network %q to a bridge that bears it", name, addrs[0].IPNet, n.PhysicalNetwork)
	}
	if err == nil {
		err = r.nl.LinkSetMasterByIndex(link, bridge.Attrs().Index)
	}
	if err == nil {
		err = r.nl.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("put %s on %s: %w", name, n.Bridge, err)
	}
	_, err = r.refresh(name)
	return err
}

// ensureVLAN puts a tagged sub-interface of the physical network on the
// bridge, where the kernel can tag.
func (r *round) ensureVLAN(n rpcapi.Network, bridge netlink.Link) error {
	parent, err := r.physical(n)
	if err != nil {
		return err
	}
	name := vlanName(n)
	if have, ok := r.links[name].(*netlink.Vlan); ok && (have.VlanId != n.SegmentationID || have.ParentIndex != parent.Attrs().Index) {
		if err := r.deleteLink(name); err != nil {
			return err
		}
	}
	if r.links[name] == nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = name, parent.Attrs().Index
		err := r.nl.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: n.SegmentationID, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
		if errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("the kernel makes no VLAN %d: 8021q is missing (modprobe 8021q, or make the network a VXLAN)", n.SegmentationID)
		} else if err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if _, err := r.refresh(name); err != nil {
			return err
		}
	}
	_, err = r.settle(name, "network "+n.ID, n.MTU, bridge.Attrs().Index)
	return err
}

func vlanName(n rpcapi.Network) string { return "vln" + short(n.ID) }

// trustedLinks are the interfaces of ours on the networks' bridges.
func (r *round) trustedLinks() []string {
	var names []string
	for _, n := range r.want.Networks {
		if name := r.wayOut(n); name != "" {
			names = append(names, name)
		}
		if n.DHCP != nil {
			names = append(names, rpcapi.TapName(n.DHCP.Port.ID))
		}
	}
	for _, router := range r.want.Routers {
		for _, i := range router.Interfaces {
			names = append(names, rpcapi.TapName(i.PortID))
		}
		if router.Gateway != nil {
			names = append(names, rpcapi.TapName(router.Gateway.PortID))
		}
	}
	return names
}

// wayOut is the interface on the network's bridge that leads to other hosts.
func (r *round) wayOut(n rpcapi.Network) string {
	switch n.Type {
	case "vxlan":
		return vxlanName(n.SegmentationID)
	case "vlan":
		return vlanName(n)
	case "flat":
		name := r.cfg.BridgeMappings[n.PhysicalNetwork]
		if l := r.links[name]; l != nil && l.Type() != "bridge" {
			return name
		}
		inner, _ := phyNames(n.ID)
		return inner
	}
	return ""
}
