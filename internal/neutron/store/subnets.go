package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// onNetwork is the visibility of what lies on networks: one's own, and all on
// networks that one owns.
const onNetwork = "project_id = ? OR network_id IN (SELECT id FROM networks WHERE project_id = ?)"

var subnets = newKind[neutron.Subnet]("subnet", "subnets", func(project string) (string, []any) {
	return onNetwork + " OR network_id IN (" + openNetworks + ")", []any{project, project, project}
}, map[string]condition{
	"shared": func(values []any) (string, []any, error) {
		const in = "IN (SELECT object_id FROM rbac_policies WHERE object_type = 'network' AND action = 'access_as_shared')"
		where, err := oneBool(values, "network_id "+in, "network_id NOT "+in)
		return where, nil, err
	},
})

// Subnets lists subnets.
func (s *Store) Subnets(ctx context.Context, q neutron.Query) ([]neutron.Subnet, error) {
	rows, err := list(ctx, s, subnets, q)
	if err != nil {
		return nil, err
	}
	return rows, s.fillSubnets(ctx, rows, q.ProjectID)
}

// Subnet reads one subnet that project may see.
func (s *Store) Subnet(ctx context.Context, id, project string) (neutron.Subnet, error) {
	row, err := get(ctx, s, subnets, id, project)
	if err != nil {
		return row, err
	}
	rows := []neutron.Subnet{row}
	err = s.fillSubnets(ctx, rows, project)
	return rows[0], err
}

func (s *Store) fillSubnets(ctx context.Context, rows []neutron.Subnet, project string) error {
	access, err := s.access(ctx, idsOf(rows, func(r *neutron.Subnet) string { return r.NetworkID }), project)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Network = access[rows[i].NetworkID]
	}
	return nil
}

// SubnetsOf are all subnets of the networks, in the order they were made.
func (s *Store) SubnetsOf(ctx context.Context, networkIDs ...string) ([]neutron.Subnet, error) {
	var out []neutron.Subnet
	for part := range chunks(distinct(networkIDs)) {
		rows, err := db.All(ctx, s.q, subnets.table.Select("").In("network_id", part).OrderBy("created_at", "id"))
		if err != nil {
			return nil, fmt.Errorf("subnets of networks: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// SubnetsOfPool are the subnets cut from a pool.
func (s *Store) SubnetsOfPool(ctx context.Context, pool string) ([]neutron.Subnet, error) {
	return db.All(ctx, s.q, subnets.table.Select("subnetpool_id = ?", pool))
}

// InsertSubnet writes a subnet.
func (tx *Tx) InsertSubnet(ctx context.Context, sub neutron.Subnet) error {
	if err := subnets.table.Insert(ctx, tx.q, sub); err != nil {
		return fmt.Errorf("insert subnet: %w", err)
	}
	return tx.ReviseNetwork(ctx, sub.NetworkID)
}

// UpdateSubnet writes all of a subnet.
func (tx *Tx) UpdateSubnet(ctx context.Context, sub neutron.Subnet) error {
	if err := update(ctx, tx, subnets, sub); err != nil {
		return err
	}
	return tx.ReviseNetwork(ctx, sub.NetworkID)
}

// DeleteSubnet removes a subnet.
func (tx *Tx) DeleteSubnet(ctx context.Context, sub neutron.Subnet) error {
	if _, err := db.Exec(ctx, tx.q, "DELETE FROM subnets WHERE id = ?", sub.ID); err != nil {
		return fmt.Errorf("delete subnet: %w", err)
	}
	return tx.ReviseNetwork(ctx, sub.NetworkID)
}

var subnetpools = newKind[neutron.Subnetpool]("subnetpool", "subnetpools", func(project string) (string, []any) {
	return "project_id = ? OR shared", []any{project}
}, nil)

// Subnetpools lists subnet pools.
func (s *Store) Subnetpools(ctx context.Context, q neutron.Query) ([]neutron.Subnetpool, error) {
	return list(ctx, s, subnetpools, q)
}

// Subnetpool reads one subnet pool that project may see.
func (s *Store) Subnetpool(ctx context.Context, id, project string) (neutron.Subnetpool, error) {
	return get(ctx, s, subnetpools, id, project)
}

// DefaultSubnetpool is the default one of an IP version, or db.ErrNoRow.
func (s *Store) DefaultSubnetpool(ctx context.Context, version int) (neutron.Subnetpool, error) {
	return db.One(ctx, s.q, subnetpools.table.Select("is_default AND ip_version = ?", version))
}

// InsertSubnetpool writes a subnet pool.
func (tx *Tx) InsertSubnetpool(ctx context.Context, p neutron.Subnetpool) error {
	return subnetpools.table.Insert(ctx, tx.q, p)
}

// UpdateSubnetpool writes all of a subnet pool.
func (tx *Tx) UpdateSubnetpool(ctx context.Context, p neutron.Subnetpool) error {
	return update(ctx, tx, subnetpools, p)
}

// DeleteSubnetpool removes a subnet pool.
func (tx *Tx) DeleteSubnetpool(ctx context.Context, id string) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM subnetpools WHERE id = ?", id)
	return err
}
