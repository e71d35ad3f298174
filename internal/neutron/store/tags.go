package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// Tags are the tags of a resource in a collection (networks, ports …).
func (s *Store) Tags(ctx context.Context, collection, id string) (tags []string, err error) {
	rows, err := db.Scan[string](ctx, s.q, "SELECT tags FROM "+collection+" WHERE id = ?", id)
	if err != nil {
		return nil, fmt.Errorf("tags of %s: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, db.ErrNoRow
	}
	return tags, json.Unmarshal([]byte(rows[0]), &tags)
}

// SetTags replaces the tags of a resource.
func (tx *Tx) SetTags(ctx context.Context, collection, id string, tags []string, now time.Time) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE "+collection+" SET tags = ?, updated_at = ?, revision_number = revision_number + 1 WHERE id = ?",
		jsonText(tags), now, id)
	return err
}

// UsedAddresses counts the addresses in use, by subnet.
func (s *Store) UsedAddresses(ctx context.Context, networkIDs []string) (map[string]int, error) {
	type row struct {
		SubnetID string `bun:"subnet_id"`
		N        int    `bun:"n"`
	}
	rows, err := related[row](ctx, s, networkIDs, "SELECT subnet_id, COUNT(*) AS n FROM ip_allocations WHERE network_id IN (?) GROUP BY subnet_id")
	if err != nil {
		return nil, fmt.Errorf("count addresses: %w", err)
	}
	out := map[string]int{}
	for _, r := range rows {
		out[r.SubnetID] = r.N
	}
	return out, nil
}

// SetDHCPHost says who serves a network's DHCP.
func (tx *Tx) SetDHCPHost(ctx context.Context, networkID, host string) error {
	tx.TouchNetwork(networkID)
	_, err := db.Exec(ctx, tx.q, "UPDATE networks SET dhcp_host = ? WHERE id = ?", host, networkID)
	return err
}

// NetworksServedBy are the networks whose DHCP one of the hosts serves.
func (s *Store) NetworksServedBy(ctx context.Context, hosts ...string) ([]neutron.Network, error) {
	return db.All(ctx, s.q, networks.table.Select("").In("dhcp_host", hosts).OrderBy("id"))
}

// NetworksUnserved are the ids of the networks that have a subnet with DHCP and
// none of the hosts to serve it.
func (s *Store) NetworksUnserved(ctx context.Context, hosts []string) ([]string, error) {
	return db.Scan[string](ctx, s.q, "SELECT id FROM networks WHERE dhcp_host NOT IN (?) AND id IN (SELECT network_id FROM subnets WHERE enable_dhcp)", db.List(hosts))
}
