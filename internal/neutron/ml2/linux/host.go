package linux

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// applyHost prepares the host itself: bridged packets pass the filters, and
// the configured bridges towards physical networks stand.
func (r *round) applyHost() {
	if err := r.unlessDone("host", "filtering", r.filterBridges); err != nil {
		r.failed("host", "bridge filtering", err)
	}
	for _, b := range r.cfg.Bridges {
		if err := r.unlessDone("bridge "+b.Name, b, func() error { return r.ensureHostBridge(b) }); err != nil {
			r.failed("host", b.Name, err)
		}
	}
}

// filterBridges makes bridged IP packets pass the inet filters of this namespace.
func (r *round) filterBridges() error {
	err := sysctls(r.host, map[string]string{
		"bridge/bridge-nf-call-iptables":  "1",
		"bridge/bridge-nf-call-ip6tables": "1",
		"bridge/bridge-nf-call-arptables": "0",
	})
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the kernel module br_netfilter is not loaded: security groups cannot work (modprobe br_netfilter)")
	}
	return err
}

func (r *round) ensureHostBridge(b Bridge) error {
	if r.links[b.Name] == nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = b.Name
		if err := r.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("make bridge %s: %w", b.Name, err)
		}
	}
	link, err := r.refresh(b.Name)
	if err != nil {
		return err
	}
	for _, cidr := range b.Addresses {
		addr, err := netlink.ParseAddr(cidr)
		if err != nil {
			return fmt.Errorf("address %q of %s: %w", cidr, b.Name, err)
		}
		if err := r.nl.AddrAdd(link, addr); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add %s to %s: %w", cidr, b.Name, err)
		}
	}
	if err := r.nl.LinkSetUp(link); err != nil {
		return err
	}
	if b.Masquerade {
		return sysctls(r.host, map[string]string{"ipv4/ip_forward": "1"})
	}
	return nil
}

// masquerade lets those behind a bridge use the host's own addresses. Packets
// that are only bridged through the host keep theirs.
func (w *rendering) masquerade() *table {
	t := newTable()
	t.base("postrouting", "{ type nat hook postrouting priority 100; policy accept; }", `oifname "brq*" accept`)
	for _, b := range w.cfg.Bridges {
		for _, cidr := range b.Addresses {
			prefix, err := parsePrefix(cidr)
			if !b.Masquerade || err != nil || prefix.Addr().Is6() {
				continue
			}
			t.add("postrouting", fmt.Sprintf(`oifname != "%s" ip saddr %s ip daddr != %s masquerade`, b.Name, prefix, prefix))
		}
	}
	return t
}
