package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// addressSet is the revision of a set that many hosts hold.
type addressSet struct {
	ID       string `bun:"set_id,pk"`
	Revision int64  `bun:"revision"`
	Oldest   int64  `bun:"oldest"` // which elements changed until then is not known any more
}

// setChange says that an element of a set came or went.
type setChange struct {
	ID       string `bun:"set_id,pk"`
	Revision int64  `bun:"revision,pk"`
	Element  string `bun:"element,pk"`
}

var (
	addressSets = db.Table[addressSet]("address_sets")
	setChanges  = db.Table[setChange]("address_set_changes")
)

// touchSet marks elements that may have come into a set or left it.
func (tx *Tx) touchSet(id string, elements ...string) {
	if len(elements) == 0 {
		return
	}
	if tx.touched.sets == nil {
		tx.touched.sets = map[string]map[string]bool{}
	}
	set := tx.touched.sets[id]
	for _, e := range elements {
		mark(&set, e)
	}
	tx.touched.sets[id] = set
}

// reviseSets notes the elements at the next revisions of their sets, in the
// order of the sets' ids: others may wait for them.
func (tx *Tx) reviseSets(ctx context.Context, sets map[string]map[string]bool) error {
	if len(sets) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(sets))
	for _, id := range ids {
		revision, err := tx.nextRevision(ctx, id)
		if err != nil {
			return err
		}
		var changes []setChange
		for e := range sets[id] {
			changes = append(changes, setChange{id, revision, e})
		}
		if err := setChanges.Insert(ctx, tx.q, changes...); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { tx.changed(nil, ids) })
	return nil
}

func (tx *Tx) nextRevision(ctx context.Context, id string) (int64, error) {
	const raise = "UPDATE address_sets SET revision = revision + 1 WHERE set_id = ?"
	n, err := db.Exec(ctx, tx.q, raise, id)
	if err == nil && n == 0 {
		if err = addressSets.InsertMissing(ctx, tx.q, addressSet{ID: id}); err == nil {
			_, err = db.Exec(ctx, tx.q, raise, id)
		}
	}
	if err != nil {
		return 0, err
	}
	revisions, err := tx.SetRevisions(ctx, []string{id})
	return revisions[id], err
}

// SetRevisions are the revisions of sets; a set that never changed has none.
func (s *Store) SetRevisions(ctx context.Context, ids []string) (map[string]int64, error) {
	rows, err := related[addressSet](ctx, s, ids, "SELECT set_id, revision FROM address_sets WHERE set_id IN (?)")
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Revision
	}
	return out, err
}

// SetChangesAfter are the elements of a set that came or went after a revision;
// false when that is not known any more.
func (s *Store) SetChangesAfter(ctx context.Context, id string, after int64) ([]string, bool, error) {
	elements, err := db.Scan[string](ctx, s.q, "SELECT DISTINCT element FROM address_set_changes WHERE set_id = ? AND revision > ?", id, after)
	if err != nil {
		return nil, false, err
	}
	// Only now, for what TrimSets forgot by then may have been forgotten before.
	set, err := db.One(ctx, s.q, addressSets.Select("set_id = ?", id))
	if errors.Is(err, db.ErrNoRow) || err == nil && after < set.Oldest {
		return nil, false, nil
	}
	return elements, err == nil, err
}

// TrimSets forgets all but the last changes of each set.
func (s *Store) TrimSets(ctx context.Context, keep int64) error {
	long, err := db.All(ctx, s.q, addressSets.Select("revision - oldest > ?", 2*keep))
	for _, set := range long {
		err = s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			oldest := set.Revision - keep
			if _, err := db.Exec(ctx, tx.q, "UPDATE address_sets SET oldest = ? WHERE set_id = ? AND oldest < ?", oldest, set.ID, oldest); err != nil {
				return err
			}
			_, err := db.Exec(ctx, tx.q, "DELETE FROM address_set_changes WHERE set_id = ? AND revision <= ?", set.ID, oldest)
			return err
		})
		if err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("trim sets: %w", err)
	}
	return nil
}

// dropSet forgets a set of something that goes.
func (tx *Tx) dropSet(ctx context.Context, id string) error {
	delete(tx.touched.sets, id)
	for _, text := range []string{"DELETE FROM address_set_changes WHERE set_id = ?", "DELETE FROM address_sets WHERE set_id = ?"} {
		if _, err := db.Exec(ctx, tx.q, text, id); err != nil {
			return fmt.Errorf("forget a set: %w", err)
		}
	}
	return nil
}

// Names of sets: the addresses that the ports of a group may use, and the
// hosts with ports on a network.
func groupSet(id string) string   { return neutron.GroupSet + id }
func networkSet(id string) string { return neutron.NetworkSet + id }

// addressesOf are all addresses that a port may use.
func addressesOf(p neutron.Port) []string {
	var out []string
	for _, ip := range p.FixedIPs {
		out = append(out, ip.IPAddress)
	}
	for _, pair := range p.AllowedAddressPairs {
		out = append(out, pair.IPAddress)
	}
	return out
}

// touchMembers marks what a change of a port from old to p means to the sets
// of its groups; either may be empty.
func (tx *Tx) touchMembers(old, p neutron.Port) {
	was, is := addressesOf(old), addressesOf(p)
	for _, g := range old.SecurityGroups {
		if !slices.Contains(p.SecurityGroups, g) {
			tx.touchSet(groupSet(g), was...)
		} else if !slices.Equal(was, is) {
			tx.touchSet(groupSet(g), append(slices.Clone(was), is...)...)
		}
	}
	for _, g := range p.SecurityGroups {
		if !slices.Contains(old.SecurityGroups, g) {
			tx.touchSet(groupSet(g), is...)
		}
	}
}

// touchHostOf marks a host that a port came to or left, unless another port
// of the network keeps it there.
func (tx *Tx) touchHostOf(ctx context.Context, p neutron.Port) error {
	if p.HostID == "" {
		return nil
	}
	others, err := db.Scan[int](ctx, tx.q, "SELECT 1 FROM ports WHERE network_id = ? AND host = ? AND id <> ? LIMIT 1", p.NetworkID, p.HostID, p.ID)
	if err == nil && len(others) == 0 {
		tx.touchSet(networkSet(p.NetworkID), p.HostID)
	}
	return err
}

// TouchTunnel marks a host whose tunnel endpoint moved, for all its networks.
func (tx *Tx) TouchTunnel(ctx context.Context, host string) error {
	networks, err := db.Scan[string](ctx, tx.q, "SELECT DISTINCT network_id FROM ports WHERE host = ?", host)
	for _, n := range networks {
		tx.touchSet(networkSet(n), host)
	}
	return err
}

// Endpoint is where a host with a port on a network is reached.
type Endpoint struct {
	Host    string `bun:"host"`
	Address string `bun:"tunnel_ip"`
}

// Endpoints are those of a network: all, or those of some hosts.
func (s *Store) Endpoints(ctx context.Context, networkID string, hosts []string) ([]Endpoint, error) {
	const text = `SELECT host, tunnel_ip FROM hosts WHERE tunnel_ip <> '' AND EXISTS
		(SELECT 1 FROM ports WHERE ports.network_id = ? AND ports.host = hosts.host)`
	if hosts == nil {
		return db.Scan[Endpoint](ctx, s.q, text, networkID)
	}
	var out []Endpoint
	for part := range chunks(hosts) {
		rows, err := db.Scan[Endpoint](ctx, s.q, text+" AND host IN (?)", networkID, db.List(part))
		if err != nil {
			return nil, fmt.Errorf("tunnel endpoints: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Members are the addresses that ports of a group may use: all, or those among some.
func (s *Store) Members(ctx context.Context, group string, among []string) ([]string, error) {
	found := map[string]bool{}
	if among == nil {
		ips, err := db.Scan[string](ctx, s.q, `SELECT a.ip_address FROM port_security_groups g JOIN ip_allocations a ON a.port_id = g.port_id
			WHERE g.security_group_id = ?`, group)
		if err != nil {
			return nil, fmt.Errorf("members of a security group: %w", err)
		}
		for _, ip := range ips {
			found[ip] = true
		}
	}
	for part := range chunks(among) {
		ips, err := db.Scan[string](ctx, s.q, `SELECT a.ip_address FROM ip_allocations a CROSS JOIN port_security_groups g
			WHERE a.ip_address IN (?) AND g.port_id = a.port_id AND g.security_group_id = ?`, db.List(part), group)
		if err != nil {
			return nil, fmt.Errorf("members of a security group: %w", err)
		}
		for _, ip := range ips {
			found[ip] = true
		}
	}
	if among == nil || len(found) < len(among) {
		pairs, err := s.pairsOf(ctx, group)
		if err != nil {
			return nil, err
		}
		for _, ip := range pairs {
			if among == nil || slices.Contains(among, ip) {
				found[ip] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// pairsOf are the further addresses that ports of a group may use.
func (s *Store) pairsOf(ctx context.Context, group string) ([]string, error) {
	type row struct {
		Pairs []neutron.AddressPair `bun:"allowed_address_pairs"`
	}
	rows, err := db.Scan[row](ctx, s.q, `SELECT p.allowed_address_pairs FROM port_security_groups g JOIN ports p ON p.id = g.port_id
		WHERE g.security_group_id = ? AND p.allowed_address_pairs <> '[]'`, group)
	if err != nil {
		return nil, fmt.Errorf("address pairs of members: %w", err)
	}
	var out []string
	for _, r := range rows {
		for _, p := range r.Pairs {
			out = append(out, p.IPAddress)
		}
	}
	return out, nil
}
