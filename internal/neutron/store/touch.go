package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// Kinds of objects that a host's state is made of.
const (
	KindNetwork = "network"
	KindPort    = "port"
	KindGroup   = "security_group"
	KindRouter  = "router"
	KindClient  = "dhcp_client" // a port that may ask the host's DHCP server for a lease
)

// hostChange says that an object of a host's state changed.
type hostChange struct {
	Host     string `bun:"host,pk"`
	Kind     string `bun:"kind,pk"`
	ObjectID string `bun:"object_id,pk"`
	Revision int64  `bun:"revision"`
}

var hostChanges = db.Table[hostChange]("host_changes")

// touched is what a transaction changed, as far as hosts are concerned.
type touched struct {
	on       map[hostChange]bool // what is known to concern a host; without revisions
	networks map[string]bool
	groups   map[string]bool
	routers  map[string]bool
	clients  map[string][]string        // ports by network
	sets     map[string]map[string]bool // elements by set
}

func mark(m *map[string]bool, id string) {
	if *m == nil {
		*m = map[string]bool{}
	}
	if id != "" {
		(*m)[id] = true
	}
}

// TouchNetwork marks a network as changed for all hosts with ports on it, and
// the routers on it.
func (tx *Tx) TouchNetwork(id string) { mark(&tx.touched.networks, id) }

// TouchGroup marks a security group's rules as changed for all hosts with ports in it.
func (tx *Tx) TouchGroup(id string) { mark(&tx.touched.groups, id) }

// TouchRouter marks a router as changed for its host.
func (tx *Tx) TouchRouter(id string) { mark(&tx.touched.routers, id) }

// TouchOn marks an object as changed for one host.
func (tx *Tx) TouchOn(host, kind, id string) {
	if host == "" || host == neutron.Nowhere {
		return
	}
	if tx.touched.on == nil {
		tx.touched.on = map[hostChange]bool{}
	}
	tx.touched.on[hostChange{Host: host, Kind: kind, ObjectID: id}] = true
}

// touchClient marks a port as changed for the DHCP servers of its network.
func (tx *Tx) touchClient(p neutron.Port) {
	if tx.touched.clients == nil {
		tx.touched.clients = map[string][]string{}
	}
	tx.touched.clients[p.NetworkID] = append(tx.touched.clients[p.NetworkID], p.ID)
}

// bump raises the revision of the hosts and sets that the transaction concerned so far.
func (tx *Tx) bump(ctx context.Context) error {
	t := tx.touched
	tx.touched = touched{}
	if err := tx.reviseSets(ctx, t.sets); err != nil {
		return fmt.Errorf("revise sets: %w", err)
	}
	changes, err := tx.concerned(ctx, t)
	if err != nil {
		return fmt.Errorf("find the hosts concerned: %w", err)
	}
	if len(changes) == 0 {
		return nil
	}
	return tx.reviseHosts(ctx, changes)
}

// reviseHosts notes the changes at the next revisions of their hosts. Hosts
// that never reported have none.
func (tx *Tx) reviseHosts(ctx context.Context, changes map[hostChange]bool) error {
	hosts := map[string]bool{}
	for c := range changes {
		hosts[c.Host] = true
	}
	var hints []Hint
	for part := range chunks(slices.Sorted(maps.Keys(hosts))) {
		n, err := db.Exec(ctx, tx.q, "UPDATE hosts SET revision = revision + 1 WHERE host IN (?)", db.List(part))
		if err != nil {
			return fmt.Errorf("raise revisions: %w", err)
		}
		if n == 0 {
			continue
		}
		rows, err := db.Scan[Hint](ctx, tx.q, "SELECT host, revision FROM hosts WHERE host IN (?)", db.List(part))
		if err != nil {
			return fmt.Errorf("read revisions: %w", err)
		}
		hints = append(hints, rows...)
	}
	at := map[string]int64{}
	for _, h := range hints {
		at[h.Host] = h.Revision
	}
	for c := range changes {
		if c.Revision = at[c.Host]; c.Revision == 0 {
			continue
		}
		if err := hostChanges.Upsert(ctx, tx.q, c, []string{"host", "kind", "object_id"}); err != nil {
			return fmt.Errorf("note what changed: %w", err)
		}
	}
	tx.AfterCommit(func() { tx.changed(hints, nil) })
	return nil
}

// concerned finds the hosts that hold what was touched.
func (tx *Tx) concerned(ctx context.Context, t touched) (map[hostChange]bool, error) {
	out := t.on
	if out == nil {
		out = map[hostChange]bool{}
	}
	find := func(kind string, ids map[string]bool, text string, more ...any) error {
		rows, err := related[hostChange](ctx, tx.Store, slices.Sorted(maps.Keys(ids)), text, more...)
		for _, r := range rows {
			r.Kind = kind
			out[r] = true
		}
		return err
	}
	if err := find(KindNetwork, t.networks, "SELECT DISTINCT host, network_id AS object_id FROM ports WHERE network_id IN (?) AND host <> ''"); err != nil {
		return nil, err
	}
	if err := find(KindRouter, t.networks, `SELECT DISTINCT r.host, r.id AS object_id FROM ports p JOIN router_ports rp ON rp.port_id = p.id
		JOIN routers r ON r.id = rp.router_id WHERE p.network_id IN (?) AND p.device_owner IN (?, ?) AND r.host <> ''`,
		neutron.OwnerRouterInterface, neutron.OwnerRouterGateway); err != nil {
		return nil, err
	}
	if err := find(KindRouter, t.routers, "SELECT host, id AS object_id FROM routers WHERE id IN (?) AND host <> ''"); err != nil {
		return nil, err
	}
	if err := find(KindGroup, t.groups, `SELECT DISTINCT p.host, g.security_group_id AS object_id FROM port_security_groups g
		JOIN ports p ON p.id = g.port_id WHERE g.security_group_id IN (?) AND p.host <> ''`); err != nil {
		return nil, err
	}
	return out, tx.addClients(ctx, t.clients, out)
}

// addClients notes ports for the hosts that serve their networks' DHCP.
func (tx *Tx) addClients(ctx context.Context, clients map[string][]string, out map[hostChange]bool) error {
	servers, err := related[hostChange](ctx, tx.Store, slices.Sorted(maps.Keys(clients)),
		"SELECT dhcp_host AS host, id AS object_id FROM networks WHERE id IN (?) AND dhcp_host NOT IN ('', ?)", neutron.Nowhere)
	for _, server := range servers {
		for _, port := range clients[server.ObjectID] {
			out[hostChange{Host: server.Host, Kind: KindClient, ObjectID: port}] = true
		}
	}
	return err
}

// ChangesOf are the ids of the objects of a host that changed after a revision, by kind.
func (s *Store) ChangesOf(ctx context.Context, host string, after int64) (map[string][]string, error) {
	rows, err := db.All(ctx, s.q, hostChanges.Select("host = ? AND revision > ?", host, after).OrderBy("object_id"))
	if err != nil {
		return nil, fmt.Errorf("changes of a host: %w", err)
	}
	out := map[string][]string{}
	for _, r := range rows {
		out[r.Kind] = append(out[r.Kind], r.ObjectID)
	}
	return out, nil
}

// ForgetChanges drops what a host's agent holds already.
func (tx *Tx) ForgetChanges(ctx context.Context, host string, upTo int64) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM host_changes WHERE host = ? AND revision <= ?", host, upTo)
	return err
}

func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
