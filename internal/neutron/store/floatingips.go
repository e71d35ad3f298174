package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

var floatingips = newKind[neutron.FloatingIP]("floatingip", "floatingips", own, nil)

// FloatingIPs lists floating IPs with details of their ports.
func (s *Store) FloatingIPs(ctx context.Context, q neutron.Query) ([]neutron.FloatingIP, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) ([]neutron.FloatingIP, error) {
		rows, err := list(ctx, s, floatingips, q)
		if err != nil {
			return nil, err
		}
		return rows, s.fillFloatingIPs(ctx, rows)
	})
}

// FloatingIP reads one floating IP that project may see.
func (s *Store) FloatingIP(ctx context.Context, id, project string) (neutron.FloatingIP, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) (neutron.FloatingIP, error) {
		row, err := get(ctx, s, floatingips, id, project)
		if err != nil {
			return row, err
		}
		rows := []neutron.FloatingIP{row}
		err = s.fillFloatingIPs(ctx, rows)
		return rows[0], err
	})
}

// FloatingIPsWhere are the floating IPs that meet an SQL condition, as rows.
func (s *Store) FloatingIPsWhere(ctx context.Context, where string, args ...any) ([]neutron.FloatingIP, error) {
	return db.All(ctx, s.q, floatingips.table.Select(where, args...))
}

func (s *Store) fillFloatingIPs(ctx context.Context, rows []neutron.FloatingIP) error {
	var ids []string
	for _, f := range rows {
		if f.PortID != "" {
			ids = append(ids, f.PortID)
		}
	}
	at, err := s.PortsOf(ctx, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		if p, ok := at[rows[i].PortID]; ok {
			rows[i].PortDetails = &neutron.PortDetails{Name: p.Name, NetworkID: p.NetworkID, MACAddress: p.MACAddress,
				AdminStateUp: p.AdminStateUp, Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner}
		}
	}
	return nil
}

// InsertFloatingIP writes a floating IP.
func (tx *Tx) InsertFloatingIP(ctx context.Context, f neutron.FloatingIP) error {
	tx.touchFloatingIP(f)
	return floatingips.table.Insert(ctx, tx.q, f)
}

// UpdateFloatingIP writes all of a floating IP; old is what it was.
func (tx *Tx) UpdateFloatingIP(ctx context.Context, old, f neutron.FloatingIP) error {
	tx.touchFloatingIP(old)
	tx.touchFloatingIP(f)
	return update(ctx, tx, floatingips, f)
}

// DeleteFloatingIP removes a floating IP.
func (tx *Tx) DeleteFloatingIP(ctx context.Context, f neutron.FloatingIP) error {
	tx.touchFloatingIP(f)
	if _, err := db.Exec(ctx, tx.q, "DELETE FROM floatingips WHERE id = ?", f.ID); err != nil {
		return fmt.Errorf("delete floating IP: %w", err)
	}
	return nil
}

func (tx *Tx) touchFloatingIP(f neutron.FloatingIP) {
	tx.TouchRouter(f.RouterID)
}

// SetFloatingIPStatus moves a floating IP to a status.
func (tx *Tx) SetFloatingIPStatus(ctx context.Context, id, status string) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE floatingips SET status = ? WHERE id = ? AND status <> ?", status, id, status)
	return err
}
