package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

var routers = newKind[neutron.Router]("router", "routers", own, nil)

// Routers lists routers with their gateways.
func (s *Store) Routers(ctx context.Context, q neutron.Query) ([]neutron.Router, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) ([]neutron.Router, error) {
		rows, err := list(ctx, s, routers, q)
		if err != nil {
			return nil, err
		}
		return rows, s.fillRouters(ctx, rows)
	})
}

// Router reads one router that project may see.
func (s *Store) Router(ctx context.Context, id, project string) (neutron.Router, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) (neutron.Router, error) {
		row, err := get(ctx, s, routers, id, project)
		if err != nil {
			return row, err
		}
		rows := []neutron.Router{row}
		err = s.fillRouters(ctx, rows)
		return rows[0], err
	})
}

// RoutersWhere are the routers that meet an SQL condition, with their gateways.
func (s *Store) RoutersWhere(ctx context.Context, where string, args ...any) ([]neutron.Router, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) ([]neutron.Router, error) {
		rows, err := s.RouterRows(ctx, where, args...)
		if err != nil {
			return nil, err
		}
		return rows, s.fillRouters(ctx, rows)
	})
}

// RouterRows are the routers that meet an SQL condition, as rows.
func (s *Store) RouterRows(ctx context.Context, where string, args ...any) ([]neutron.Router, error) {
	rows, err := db.All(ctx, s.q, routers.table.Select(where, args...))
	if err != nil {
		return nil, fmt.Errorf("routers: %w", err)
	}
	return rows, nil
}

func (s *Store) fillRouters(ctx context.Context, rows []neutron.Router) error {
	var gateways []string
	for _, r := range rows {
		if r.GatewayPortID != "" {
			gateways = append(gateways, r.GatewayPortID)
		}
	}
	at, err := s.PortsOf(ctx, gateways)
	if err != nil {
		return err
	}
	zones, err := s.zonesOf(ctx, idsOf(rows, func(r *neutron.Router) string { return r.Host }))
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if z := zones[r.Host]; r.Host != "" && z != "" {
			r.AZs = []string{z}
		}
		if p, ok := at[r.GatewayPortID]; ok {
			r.Gateway = &neutron.GatewayInfo{NetworkID: p.NetworkID, ExternalFixedIPs: p.FixedIPs, EnableSNAT: r.EnableSNAT}
		}
	}
	return nil
}

// InsertRouter writes a router.
func (tx *Tx) InsertRouter(ctx context.Context, r neutron.Router) error {
	tx.TouchRouter(r.ID)
	return routers.table.Insert(ctx, tx.q, r)
}

// UpdateRouter writes all of a router.
func (tx *Tx) UpdateRouter(ctx context.Context, r neutron.Router) error {
	tx.TouchRouter(r.ID)
	return update(ctx, tx, routers, r)
}

// DeleteRouter removes a router.
func (tx *Tx) DeleteRouter(ctx context.Context, r neutron.Router) error {
	tx.TouchOn(r.Host, KindRouter, r.ID)
	_, err := db.Exec(ctx, tx.q, "DELETE FROM routers WHERE id = ?", r.ID)
	return err
}

var routerPorts = db.Table[neutron.RouterPort]("router_ports")

// RouterPorts are the ports of the routers.
func (s *Store) RouterPorts(ctx context.Context, routerIDs ...string) ([]neutron.RouterPort, error) {
	var out []neutron.RouterPort
	for part := range chunks(distinct(routerIDs)) {
		rows, err := db.All(ctx, s.q, routerPorts.Select("").In("router_id", part).OrderBy("port_id"))
		if err != nil {
			return nil, fmt.Errorf("ports of routers: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// RouterOfPort is the router that a port belongs to, "" for none.
func (s *Store) RouterOfPort(ctx context.Context, portID string) (string, error) {
	rows, err := db.Scan[string](ctx, s.q, "SELECT router_id FROM router_ports WHERE port_id = ?", portID)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0], nil
}

// AttachRouterPort links a port to a router.
func (tx *Tx) AttachRouterPort(ctx context.Context, rp neutron.RouterPort) error {
	tx.TouchRouter(rp.RouterID)
	return routerPorts.Insert(ctx, tx.q, rp)
}

// RoutersOnSubnet are the routers that have an interface with an address of
// the subnet, the address beside them.
func (s *Store) RoutersOnSubnet(ctx context.Context, subnetID string) ([]RouterOnSubnet, error) {
	return db.Scan[RouterOnSubnet](ctx, s.q, `SELECT rp.router_id, rp.port_id, a.ip_address FROM ip_allocations a
		JOIN router_ports rp ON rp.port_id = a.port_id
		WHERE a.subnet_id = ? AND rp.port_type = ? ORDER BY rp.router_id`, subnetID, neutron.OwnerRouterInterface)
}

// RouterOnSubnet is an address that a router has in a subnet.
type RouterOnSubnet struct {
	RouterID  string `bun:"router_id"`
	PortID    string `bun:"port_id"`
	IPAddress string `bun:"ip_address"`
}

// SetRouterStatus moves a router to a status.
func (tx *Tx) SetRouterStatus(ctx context.Context, id, status string) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE routers SET status = ? WHERE id = ? AND status <> ?", status, id, status)
	return err
}
