// Package linux is the mechanism driver on kernel pieces only: a bridge per
// network, VXLAN between hosts, a network namespace per DHCP server and per
// router, nftables for filters and address translation, and dnsmasq.
//
// # Names
//
//	brq<network>    bridge of a network; it never has an address
//	vxlan-<vni>     the network's way to other hosts
//	phy<network>    veth from the bridge to a physical network's bridge (there: phb<network>)
//	tap<port>       a guest's interface, or the bridge's end of a veth to a namespace
//	ns-<port>       DHCP server's end, in namespace qdhcp-<network>
//	qr-, qg-<port>  router's inner and outer ends, in namespace qrouter-<router>
//
// # Invariants
//
// Filters are bound to interface names and are in place before the interface
// is: a port is reported ACTIVE only when its tap is on its bridge, and its
// filters and its network stand. On a bridge of ours an interface that nobody
// announced hears and says nothing. Packets of two networks never meet in one
// conntrack zone. What the driver made bears its mark (a link alias, a
// directory under StateDir), and only that is ever removed. Nothing stops
// when the process does, except the metadata listeners.
package linux

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// Config of the driver. The zero value serves VXLAN networks of a single host.
type Config struct {
	// StateDir keeps dnsmasq's files and what must survive a restart.
	StateDir string
	// Prefix goes before the names of network namespaces, which are the same
	// for the whole machine: two clouds on one machine need two prefixes.
	Prefix string
	// TunnelIP is this host's address for VXLAN, "" for none.
	TunnelIP string
	// VXLANPort is the UDP port of VXLAN, 4789 when 0.
	VXLANPort int
	// BridgeMappings leads from physical networks to a bridge or an interface
	// of the host: "public" → "br-ex".
	BridgeMappings map[string]string
	// Bridges are made by the driver when they are absent.
	Bridges []Bridge
	// DNSServers are asked by dnsmasq on behalf of guests whose subnet names none.
	DNSServers []string
	// DNSDomain completes the names of guests, "openstacklocal" when "".
	DNSDomain string
	// Namespace is the path of the network namespace that is the host, "" for
	// the one the process runs in.
	Namespace string
	// AvailabilityZone of the agents, "nova" when "".
	AvailabilityZone string
	// Metadata answers guests; without it nothing listens on 169.254.169.254.
	Metadata ml2.Metadata
}

// Bridge of the host towards a physical network.
type Bridge struct {
	Name      string
	Addresses []string // of the host on it, as CIDRs: "172.24.4.1/24"
	// Masquerade lets those behind the bridge reach what the host reaches.
	Masquerade bool
}

// Driver implements ml2.Driver.
type Driver struct {
	cfg     Config
	host    netns.NsHandle
	nl      *netlink.Handle
	numbers *numbers
	filters *filters
	taps    *taps
	meta    *proxies

	// done remembers, by object, what was applied without error.
	done map[string]print
	nats map[string]translation // by router
	mu   sync.Mutex             // held by Apply
}

// New opens the host's namespace and reads what must survive a restart. It
// changes nothing.
func New(cfg Config) (*Driver, error) {
	cfg.setDefaults()
	if cfg.StateDir == "" {
		return nil, fmt.Errorf("neutron agent: no state directory")
	}
	for _, dir := range []string{dhcpDir, routerDir} {
		if err := os.MkdirAll(filepath.Join(cfg.StateDir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	host, err := openHost(cfg.Namespace)
	if err != nil {
		return nil, fmt.Errorf("open the host's network namespace: %w", err)
	}
	nl, err := netlink.NewHandleAt(host)
	if err != nil {
		host.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	numbers, err := openNumbers(filepath.Join(cfg.StateDir, "numbers.json"))
	if err != nil {
		return nil, err
	}
	return &Driver{cfg: cfg, host: host, nl: nl, numbers: numbers, done: map[string]print{}, nats: map[string]translation{},
		filters: newFilters(host, filepath.Join(cfg.StateDir, "filters.json")), taps: newTaps(), meta: newProxies(cfg.Metadata)}, nil
}

func (c *Config) setDefaults() {
	if c.VXLANPort == 0 {
		c.VXLANPort = 4789
	}
	if c.DNSDomain == "" {
		c.DNSDomain = "openstacklocal"
	}
	if c.AvailabilityZone == "" {
		c.AvailabilityZone = "nova"
	}
}

func openHost(path string) (netns.NsHandle, error) {
	if path == "" {
		path = "/proc/self/ns/net"
	}
	return netns.GetFromPath(path)
}

// TunnelIP implements ml2.Driver.
func (d *Driver) TunnelIP() string { return d.cfg.TunnelIP }

// Agents implements ml2.Driver.
func (d *Driver) Agents() []rpcapi.Agent {
	mappings := maps.Clone(d.cfg.BridgeMappings)
	if mappings == nil {
		mappings = map[string]string{}
	}
	types := []string{}
	if d.cfg.TunnelIP != "" {
		types = append(types, "vxlan")
	}
	zone := d.cfg.AvailabilityZone
	return []rpcapi.Agent{
		{Type: rpcapi.AgentL2, Binary: "neutron-linuxbridge-agent", Configurations: map[string]any{
			"bridge_mappings": mappings, "interface_mappings": map[string]string{}, "tunnel_types": types,
			"tunneling_ip": d.cfg.TunnelIP, "l2_population": false, "extensions": []string{}}},
		{Type: rpcapi.AgentDHCP, Binary: "neutron-dhcp-agent", AvailabilityZone: zone, Configurations: map[string]any{
			"dhcp_driver": "dnsmasq", "dhcp_lease_duration": leaseSeconds}},
		{Type: rpcapi.AgentL3, Binary: "neutron-l3-agent", AvailabilityZone: zone, Configurations: map[string]any{
			"agent_mode": "legacy", "handle_internal_only_routers": true, "interface_driver": "linuxbridge"}},
		{Type: rpcapi.AgentMetadata, Binary: "neutron-metadata-agent", Configurations: map[string]any{}},
	}
}

// Close implements ml2.Driver.
func (d *Driver) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meta.close()
	d.nl.Close()
	d.host.Close()
}

// round is one Apply: what is wanted, the host's links as they are, and what
// was found.
type round struct {
	*Driver
	want   rpcapi.HostState
	full   bool
	links  map[string]netlink.Link
	status ml2.Status
	// filtered says that the filters of all wanted ports stand; wired are the
	// networks whose bridge and way out stand.
	filtered bool
	wired    map[string]bool
}

// Apply implements ml2.Driver.
func (d *Driver) Apply(ctx context.Context, want rpcapi.HostState, full bool) (ml2.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &round{Driver: d, want: inOrder(want), full: full, wired: map[string]bool{}}
	if err := r.readLinks(); err != nil {
		return ml2.Status{}, fmt.Errorf("read the host's links: %w", err)
	}
	r.applyHost()
	r.applyFilters(ctx)
	r.applyNetworks()
	r.applyPorts()
	r.applyDHCP(ctx)
	r.applyRouters(ctx)
	r.removeOrphans()
	r.status.Ports = d.taps.statuses()
	return r.status, ctx.Err()
}

// failed records what could not be applied.
func (r *round) failed(kind, id string, err error) {
	slog.Warn("network object not applied", "kind", kind, "id", id, "error", err)
	r.status.Errors = append(r.status.Errors, rpcapi.ObjectError{Kind: kind, ID: id, Error: err.Error()})
}

// unlessDone runs fn unless the same value was applied under key before and
// the round is not a full one.
func (r *round) unlessDone(key string, value any, fn func() error) error {
	now := fingerprint(value)
	if r.done[key] == now && !r.full {
		return nil
	}
	delete(r.done, key)
	if err := fn(); err != nil {
		return err
	}
	r.done[key] = now
	return nil
}

// print tells values apart.
type print [sha256.Size]byte

func fingerprint(v any) print {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fingerprint of %T: %v", v, err)) // messages are made of plain data
	}
	return sha256.Sum256(data)
}

// network of the wanted state by ID.
func (r *round) network(id string) (rpcapi.Network, bool) {
	i := slices.IndexFunc(r.want.Networks, func(n rpcapi.Network) bool { return n.ID == id })
	if i < 0 {
		return rpcapi.Network{}, false
	}
	return r.want.Networks[i], true
}
