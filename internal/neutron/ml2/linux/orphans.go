package linux

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"nacre/internal/neutron/ml2"
)

// removeOrphans removes what the driver once made and nobody wants any more:
// DHCP servers, routers, links. The filters of ports that left went with the
// filters of the others.
func (r *round) removeOrphans() {
	servers, routers := map[string]bool{}, map[string]bool{}
	for _, n := range r.want.Networks {
		servers[n.ID] = n.DHCP != nil
	}
	for _, w := range r.want.Routers {
		routers[w.ID] = w.AdminStateUp
	}
	for _, id := range r.orphans(dhcpDir, "qdhcp-", servers) {
		if err := r.removeDHCP(id); err != nil {
			r.failed("dhcp", id, err)
		}
	}
	for _, id := range r.orphans(routerDir, "qrouter-", routers) {
		if err := r.removeRouter(id); err != nil {
			r.failed("router", id, err)
		}
	}
	r.removeLinks()
	r.forget(servers, routers)
}

// orphans are the objects with a directory, or with a namespace that bears our
// prefix, that are not wanted. Without a prefix a namespace could be anybody's.
func (r *round) orphans(dir, kind string, wanted map[string]bool) []string {
	found := map[string]bool{}
	entries, _ := os.ReadDir(filepath.Join(r.cfg.StateDir, dir))
	for _, e := range entries {
		found[e.Name()] = true
	}
	if r.full && r.cfg.Prefix != "" {
		names, _ := os.ReadDir(netnsDir)
		for _, e := range names {
			if id, ok := strings.CutPrefix(e.Name(), r.cfg.Prefix+kind); ok {
				found[id] = true
			}
		}
	}
	var gone []string
	for id := range found {
		if !wanted[id] {
			gone = append(gone, id)
		}
	}
	return gone
}

// removeDHCP ends a network's DHCP server. The directory goes last: as long as
// it is there, what is left is tried again.
func (r *round) removeDHCP(networkID string) error {
	r.meta.end(ml2.Scope{NetworkID: networkID})
	return errors.Join(
		r.removeOwned("dhcp "+networkID),
		removeDnsmasq(filepath.Join(r.cfg.StateDir, dhcpDir, networkID), func() error {
			return deleteNamed(r.dhcpNamespace(networkID))
		}))
}

func (r *round) removeRouter(id string) error {
	r.meta.end(ml2.Scope{RouterID: id})
	return errors.Join(
		r.removeOwned("router "+id),
		removeDnsmasq(filepath.Join(r.cfg.StateDir, routerDir, id), func() error {
			return deleteNamed(r.routerNamespace(id))
		}))
}

// removeOwned removes the links that were made for one object.
func (r *round) removeOwned(owner string) error {
	var errs error
	for name, l := range r.links {
		if l.Attrs().Alias == aliasPrefix+owner {
			errs = errors.Join(errs, r.deleteLink(name))
		}
	}
	return errs
}

// removeLinks removes the links of networks that left, and veths that no port
// wants any more.
func (r *round) removeLinks() {
	wanted := map[string]bool{}
	for _, name := range r.trustedLinks() {
		wanted[name] = true
	}
	for _, n := range r.want.Networks {
		wanted[n.Bridge] = true
		if _, outer := phyNames(n.ID); n.Type == "flat" {
			wanted[outer] = true
		}
	}
	for name, l := range r.links {
		if !ours(l) || wanted[name] {
			continue
		}
		if err := r.deleteLink(name); err != nil {
			r.failed("link", name, err)
		}
	}
}

// forget what was remembered about objects that left.
func (r *round) forget(servers, routers map[string]bool) {
	for key := range r.done {
		kind, id, _ := strings.Cut(key, " ")
		switch kind {
		case "network":
			if _, ok := r.network(id); !ok {
				delete(r.done, key)
			}
		case "dhcp":
			if !servers[id] {
				delete(r.done, key)
			}
		case "router":
			if !routers[id] {
				delete(r.done, key)
				delete(r.nats, id)
			}
		}
	}
}
