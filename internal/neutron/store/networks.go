package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// sharedNetworks are the networks that others gave a project access to.
const sharedNetworks = `SELECT object_id FROM rbac_policies WHERE object_type = 'network' AND target_project IN ('*', ?)`

// openNetworks are those of them that a project may put ports on; what lies on
// the others, the external ones, it does not see.
const openNetworks = sharedNetworks + ` AND action = 'access_as_shared'`

var networks = newKind[neutron.Network]("network", "networks", func(project string) (string, []any) {
	return "project_id = ? OR id IN (" + sharedNetworks + ")", []any{project, project}
}, map[string]condition{
	"shared": func(values []any) (string, []any, error) {
		const in = "IN (SELECT object_id FROM rbac_policies WHERE object_type = 'network' AND action = 'access_as_shared')"
		where, err := oneBool(values, "id "+in, "id NOT "+in)
		return where, nil, err
	},
	"router:external": func(values []any) (string, []any, error) {
		where, err := oneBool(values, "router_external", "NOT router_external")
		return where, nil, err
	},
}).always("id", "project_id", "router_external", "dhcp_host")

// oneBool chooses by a filter's boolean; both values mean every row.
func oneBool(values []any, yes, no string) (string, error) {
	var t, f bool
	for _, v := range values {
		t, f = t || v == true, f || v == false
	}
	switch {
	case t && f:
		return "1 = 1", nil
	case t:
		return yes, nil
	case f:
		return no, nil
	}
	return "1 = 0", nil
}

// Networks lists networks with their subnets and what others share.
func (s *Store) Networks(ctx context.Context, q neutron.Query) ([]neutron.Network, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) ([]neutron.Network, error) {
		rows, err := list(ctx, s, networks, q)
		if err != nil {
			return nil, err
		}
		return rows, s.fillNetworks(ctx, rows, q)
	})
}

// Network reads one network that project may see; "" sees all.
func (s *Store) Network(ctx context.Context, id, project string) (neutron.Network, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) (neutron.Network, error) {
		n, err := get(ctx, s, networks, id, project)
		if err != nil {
			return n, err
		}
		rows := []neutron.Network{n}
		err = s.fillNetworks(ctx, rows, neutron.Query{ProjectID: project})
		return rows[0], err
	})
}

// NetworkRow is Network without its subnets and zones, for who asks often.
func (s *Store) NetworkRow(ctx context.Context, id, project string) (neutron.Network, error) {
	n, err := get(ctx, s, networks, id, project)
	if err != nil || project == "" || project == n.ProjectID {
		return n, err
	}
	shared, err := s.shared(ctx, "network", project, []string{id})
	n.Shared = shared[id]
	return n, err
}

// fillNetworks adds what other tables know, of what will be looked at.
func (s *Store) fillNetworks(ctx context.Context, rows []neutron.Network, q neutron.Query) error {
	if q.Shows("subnets") {
		if err := s.fillSubnetIDs(ctx, rows); err != nil {
			return err
		}
	}
	shared, err := s.shared(ctx, "network", q.ProjectID, idsOf(rows, func(n *neutron.Network) string { return n.ID }))
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Shared = shared[rows[i].ID]
	}
	if !q.Shows("availability_zones") {
		return nil
	}
	zones, err := s.zonesOf(ctx, idsOf(rows, func(n *neutron.Network) string { return n.DHCPHost }))
	for i := range rows {
		if z := zones[rows[i].DHCPHost]; z != "" {
			rows[i].AZs = []string{z}
		}
	}
	return err
}

func (s *Store) fillSubnetIDs(ctx context.Context, rows []neutron.Network) error {
	type pair struct {
		ID        string `bun:"id"`
		NetworkID string `bun:"network_id"`
	}
	subs, err := related[pair](ctx, s, idsOf(rows, func(n *neutron.Network) string { return n.ID }),
		"SELECT id, network_id FROM subnets WHERE network_id IN (?) ORDER BY created_at, id")
	if err != nil {
		return fmt.Errorf("subnets of networks: %w", err)
	}
	at := map[string]*neutron.Network{}
	for i := range rows {
		at[rows[i].ID] = &rows[i]
	}
	for _, p := range subs {
		at[p.NetworkID].Subnets = append(at[p.NetworkID].Subnets, p.ID)
	}
	return nil
}

// shared are those of the objects that everybody, or that project, may use.
func (s *Store) shared(ctx context.Context, objectType, project string, ids []string) (map[string]bool, error) {
	found, err := related[string](ctx, s, ids, `SELECT object_id FROM rbac_policies
		WHERE object_id IN (?) AND object_type = ? AND action = ? AND target_project IN ('*', ?)`, objectType, neutron.AccessShared, project)
	if err != nil {
		return nil, fmt.Errorf("shared %ss: %w", objectType, err)
	}
	out := make(map[string]bool, len(found))
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

// networkOwner is what rules ask of a network, whoever looks.
type networkOwner struct {
	ID        string `bun:"id"`
	ProjectID string `bun:"project_id"`
	External  bool   `bun:"router_external"`
}

const ownersOfNetworks = "SELECT id, project_id, router_external FROM networks WHERE id IN (?)"

// NetworkAccess is what rules ask of a network, but for whether it is shared.
func (s *Store) NetworkAccess(ctx context.Context, id string) (neutron.NetworkAccess, error) {
	rows, err := related[networkOwner](ctx, s, []string{id}, ownersOfNetworks)
	if err != nil {
		return neutron.NetworkAccess{}, fmt.Errorf("owner of a network: %w", err)
	}
	if len(rows) == 0 {
		return neutron.NetworkAccess{}, neutron.NotFound("network", id)
	}
	return neutron.NetworkAccess{ProjectID: rows[0].ProjectID, External: rows[0].External}, nil
}

// access reads what the policy of subnets and ports asks of their networks.
func (s *Store) access(ctx context.Context, ids []string, project string) (map[string]neutron.NetworkAccess, error) {
	ids = distinct(ids)
	shared, err := s.shared(ctx, "network", project, ids)
	if err != nil {
		return nil, err
	}
	rows, err := related[networkOwner](ctx, s, ids, ownersOfNetworks)
	if err != nil {
		return nil, fmt.Errorf("owners of networks: %w", err)
	}
	out := make(map[string]neutron.NetworkAccess, len(rows))
	for _, r := range rows {
		out[r.ID] = neutron.NetworkAccess{ProjectID: r.ProjectID, Shared: shared[r.ID], External: r.External}
	}
	return out, nil
}

func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	var out []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// InsertNetwork writes a network and claims its segment; db.ErrDuplicate when another has it.
func (tx *Tx) InsertNetwork(ctx context.Context, n neutron.Network) error {
	if err := networks.table.Insert(ctx, tx.q, n); err != nil {
		return fmt.Errorf("insert network: %w", err)
	}
	if n.Type == neutron.TypeLocal {
		return nil
	}
	_, err := db.Exec(ctx, tx.q, "INSERT INTO segments (network_type, physical_network, segmentation_id, network_id) VALUES (?, ?, ?, ?)",
		n.Type, n.PhysicalNetwork, n.SegmentationID, n.ID)
	if err != nil {
		return fmt.Errorf("claim segment: %w", err)
	}
	return nil
}

// SegmentTaken tells whether a network has the segment.
func (s *Store) SegmentTaken(ctx context.Context, typ, physical string, id int) (bool, error) {
	n, err := db.Scan[int](ctx, s.q, "SELECT 1 FROM segments WHERE network_type = ? AND physical_network = ? AND segmentation_id = ?", typ, physical, id)
	return len(n) > 0, err
}

// Segments are the ids in use, in order.
func (s *Store) Segments(ctx context.Context, typ, physical string) ([]int, error) {
	return db.Scan[int](ctx, s.q, "SELECT segmentation_id FROM segments WHERE network_type = ? AND physical_network = ? ORDER BY segmentation_id", typ, physical)
}

// UpdateNetwork writes all of a network but its segment.
func (tx *Tx) UpdateNetwork(ctx context.Context, n neutron.Network) error {
	tx.TouchNetwork(n.ID)
	return update(ctx, tx, networks, n)
}

// ReviseNetwork counts a change of the network's subnets as its own.
func (tx *Tx) ReviseNetwork(ctx context.Context, id string) error {
	tx.TouchNetwork(id)
	_, err := db.Exec(ctx, tx.q, "UPDATE networks SET revision_number = revision_number + 1 WHERE id = ?", id)
	return err
}

// DeleteNetwork removes a network, its segment and the access others had.
func (tx *Tx) DeleteNetwork(ctx context.Context, id string) error {
	if err := tx.dropSet(ctx, networkSet(id)); err != nil {
		return err
	}
	for _, text := range []string{
		"DELETE FROM segments WHERE network_id = ?",
		"DELETE FROM rbac_policies WHERE object_type = 'network' AND object_id = ?",
		"DELETE FROM networks WHERE id = ?",
	} {
		if _, err := db.Exec(ctx, tx.q, text, id); err != nil {
			return fmt.Errorf("delete network: %w", err)
		}
	}
	return nil
}

// DefaultExternal is the external network marked as default, or db.ErrNoRow.
func (s *Store) DefaultExternal(ctx context.Context) (neutron.Network, error) {
	return db.One(ctx, s.q, networks.table.Select("is_default AND router_external"))
}

// NetworksOf are the networks of these ids, as rows.
func (s *Store) NetworksOf(ctx context.Context, ids []string) ([]neutron.Network, error) {
	var out []neutron.Network
	for part := range chunks(distinct(ids)) {
		rows, err := db.All(ctx, s.q, networks.table.Select("").In("id", part))
		if err != nil {
			return nil, fmt.Errorf("networks: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// MoveSegment gives a network the segment it names in place of the one it had.
func (tx *Tx) MoveSegment(ctx context.Context, n neutron.Network) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE segments SET segmentation_id = ? WHERE network_id = ?", n.SegmentationID, n.ID)
	return err
}
