package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

var ports = newKind[neutron.Port]("port", "ports", func(project string) (string, []any) {
	return onNetwork, []any{project, project}
}, map[string]condition{
	"fixed_ips": fixedIPCondition,
	"security_groups": func(values []any) (string, []any, error) {
		return "id IN (SELECT port_id FROM port_security_groups WHERE security_group_id IN (?))", []any{db.List(values)}, nil
	},
}).always("id", "project_id", "network_id", "device_id", "device_owner")

// fixedIPCondition reads key=value pairs: values of one key are alternatives,
// keys must all be met.
func fixedIPCondition(values []any) (string, []any, error) {
	byKey := map[string][]any{}
	for _, v := range values {
		key, value, ok := strings.Cut(fmt.Sprint(v), "=")
		if !ok || key == "" {
			return "", nil, neutron.InvalidInput("'%v' is not of the form <key>=[value]", v)
		}
		byKey[key] = append(byKey[key], value)
	}
	var parts []string
	var args []any
	for _, column := range []string{"ip_address", "subnet_id"} {
		if vs := byKey[column]; len(vs) > 0 {
			parts = append(parts, "id IN (SELECT port_id FROM ip_allocations WHERE "+column+" IN (?))")
			args = append(args, db.List(vs))
		}
	}
	if vs := byKey["ip_address_substr"]; len(vs) > 0 {
		var like []string
		for _, v := range vs {
			like = append(like, "ip_address LIKE ?")
			args = append(args, "%"+fmt.Sprint(v)+"%")
		}
		parts = append(parts, "id IN (SELECT port_id FROM ip_allocations WHERE "+strings.Join(like, " OR ")+")")
	}
	if len(parts) == 0 {
		return "1 = 1", nil, nil
	}
	return strings.Join(parts, " AND "), args, nil
}

// Ports lists ports.
func (s *Store) Ports(ctx context.Context, q neutron.Query) ([]neutron.Port, error) {
	if len(q.Fields) > 0 && q.Shows("dns_assignment") {
		q.Fields = append(slices.Clone(q.Fields), "fixed_ips", "dns_name") // it is made of them
	}
	rows, err := list(ctx, s, ports, q)
	if err != nil {
		return nil, err
	}
	return rows, s.fillPorts(ctx, rows, q.ProjectID)
}

// Port reads one port that project may see.
func (s *Store) Port(ctx context.Context, id, project string) (neutron.Port, error) {
	row, err := get(ctx, s, ports, id, project)
	if err != nil {
		return row, err
	}
	rows := []neutron.Port{row}
	err = s.fillPorts(ctx, rows, project)
	return rows[0], err
}

func (s *Store) fillPorts(ctx context.Context, rows []neutron.Port, project string) error {
	access, err := s.access(ctx, idsOf(rows, func(r *neutron.Port) string { return r.NetworkID }), project)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Network = access[rows[i].NetworkID]
	}
	return nil
}

// PortsWhere are the ports that meet an SQL condition, as rows.
func (s *Store) PortsWhere(ctx context.Context, where string, args ...any) ([]neutron.Port, error) {
	return db.All(ctx, s.q, ports.table.Select(where, args...))
}

// PortsOf are the ports of these ids.
func (s *Store) PortsOf(ctx context.Context, ids []string) (map[string]neutron.Port, error) {
	out := map[string]neutron.Port{}
	for part := range chunks(distinct(ids)) {
		rows, err := db.All(ctx, s.q, ports.table.Select("").In("id", part))
		if err != nil {
			return nil, fmt.Errorf("ports: %w", err)
		}
		for _, p := range rows {
			out[p.ID] = p
		}
	}
	return out, nil
}

// OtherPorts are the ids of a network's ports that keep it from being
// deleted: all but those that neutron made for DHCP.
func (s *Store) OtherPorts(ctx context.Context, networkID string) ([]string, error) {
	return db.Scan[string](ctx, s.q, "SELECT id FROM ports WHERE network_id = ? AND device_owner <> ? ORDER BY created_at, id LIMIT 100",
		networkID, neutron.OwnerDHCP)
}

// MACTaken tells whether a port of the network has the MAC.
func (s *Store) MACTaken(ctx context.Context, networkID, mac, exceptPort string) (bool, error) {
	rows, err := db.Scan[int](ctx, s.q, "SELECT 1 FROM ports WHERE network_id = ? AND mac_address = ? AND id <> ?", networkID, mac, exceptPort)
	return len(rows) > 0, err
}

// AddressTaken tells which port of the subnet has the address, "" for none.
func (s *Store) AddressTaken(ctx context.Context, subnetID string, ip netip.Addr) (string, error) {
	rows, err := db.Scan[string](ctx, s.q, "SELECT port_id FROM ip_allocations WHERE subnet_id = ? AND ip_address = ?", subnetID, ip.String())
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0], nil
}

// Addresses are all addresses in use in a subnet.
func (s *Store) Addresses(ctx context.Context, subnetID string) ([]netip.Addr, error) {
	texts, err := db.Scan[string](ctx, s.q, "SELECT ip_address FROM ip_allocations WHERE subnet_id = ?", subnetID)
	if err != nil {
		return nil, err
	}
	out := make([]netip.Addr, 0, len(texts))
	for _, t := range texts {
		if ip, err := netip.ParseAddr(t); err == nil {
			out = append(out, ip)
		}
	}
	return out, nil
}

// InsertPort writes a port with its addresses and groups.
func (tx *Tx) InsertPort(ctx context.Context, p neutron.Port) error {
	if err := ports.table.Insert(ctx, tx.q, p); err != nil {
		return fmt.Errorf("insert port: %w", err)
	}
	if err := tx.allocate(ctx, p, p.FixedIPs); err != nil {
		return err
	}
	if err := tx.joinGroups(ctx, p.ID, p.SecurityGroups); err != nil {
		return err
	}
	return tx.touchPort(ctx, neutron.Port{}, p)
}

// touchPort marks what a change of a port from old to p means to hosts; one of
// them may be empty, of a port that comes or goes. Both rows say the truth when
// it is called: a port that goes is there still.
func (tx *Tx) touchPort(ctx context.Context, old, p neutron.Port) error {
	for _, side := range []neutron.Port{old, p} {
		tx.TouchOn(side.HostID, KindPort, side.ID)
		if side.DeviceOwner == neutron.OwnerDHCP {
			tx.TouchOn(side.HostID, KindNetwork, side.NetworkID)
			tx.TouchNetwork(side.NetworkID)
		} else if side.OfRouter() {
			tx.TouchNetwork(side.NetworkID)
		}
	}
	if !sameClient(old, p) {
		either := p
		if p.ID == "" {
			either = old
		}
		tx.touchClient(either)
	}
	tx.touchMembers(old, p)
	if old.HostID == p.HostID {
		return nil
	}
	if err := tx.touchHostOf(ctx, old); err != nil {
		return err
	}
	return tx.touchHostOf(ctx, p)
}

// sameClient tells whether a DHCP server would not notice the difference.
func sameClient(old, p neutron.Port) bool {
	return old.MACAddress == p.MACAddress && old.DNSName == p.DNSName && old.DeviceOwner == p.DeviceOwner &&
		slices.Equal(old.FixedIPs, p.FixedIPs) && jsonText(old.ExtraDHCPOpts) == jsonText(p.ExtraDHCPOpts)
}

func (tx *Tx) allocate(ctx context.Context, p neutron.Port, ips []neutron.FixedIP) error {
	for _, ip := range ips {
		_, err := db.Exec(ctx, tx.q, "INSERT INTO ip_allocations (subnet_id, ip_address, network_id, port_id) VALUES (?, ?, ?, ?)",
			ip.SubnetID, ip.IPAddress, p.NetworkID, p.ID)
		if errors.Is(err, db.ErrDuplicate) {
			return neutron.AddressTaken(ip.IPAddress, ip.SubnetID)
		} else if err != nil {
			return fmt.Errorf("allocate address: %w", err)
		}
	}
	return nil
}

func (tx *Tx) joinGroups(ctx context.Context, portID string, groups []string) error {
	for _, g := range groups {
		_, err := db.Exec(ctx, tx.q, "INSERT INTO port_security_groups (port_id, security_group_id) VALUES (?, ?)", portID, g)
		if err != nil {
			return fmt.Errorf("join security group: %w", err)
		}
	}
	return nil
}

// UpdatePort writes all of a port; old is what it was.
func (tx *Tx) UpdatePort(ctx context.Context, old, p neutron.Port) error {
	if err := update(ctx, tx, ports, p); err != nil {
		return err
	}
	if jsonText(old.FixedIPs) != jsonText(p.FixedIPs) {
		if _, err := db.Exec(ctx, tx.q, "DELETE FROM ip_allocations WHERE port_id = ?", p.ID); err != nil {
			return fmt.Errorf("release addresses: %w", err)
		}
		if err := tx.allocate(ctx, p, p.FixedIPs); err != nil {
			return err
		}
	}
	if jsonText(old.SecurityGroups) != jsonText(p.SecurityGroups) {
		if _, err := db.Exec(ctx, tx.q, "DELETE FROM port_security_groups WHERE port_id = ?", p.ID); err != nil {
			return fmt.Errorf("leave security groups: %w", err)
		}
		if err := tx.joinGroups(ctx, p.ID, p.SecurityGroups); err != nil {
			return err
		}
	}
	return tx.touchPort(ctx, old, p)
}

// SetPortStatus moves a port to a status; false when it had it already or is gone.
func (tx *Tx) SetPortStatus(ctx context.Context, id, status string) (bool, error) {
	n, err := db.Exec(ctx, tx.q, "UPDATE ports SET status = ?, revision_number = revision_number + 1 WHERE id = ? AND status <> ?", status, id, status)
	return n > 0, err
}

// DeletePort removes a port with its addresses and groups.
func (tx *Tx) DeletePort(ctx context.Context, p neutron.Port) error {
	if err := tx.touchPort(ctx, p, neutron.Port{}); err != nil {
		return err
	}
	for _, text := range []string{
		"DELETE FROM ip_allocations WHERE port_id = ?",
		"DELETE FROM port_security_groups WHERE port_id = ?",
		"DELETE FROM router_ports WHERE port_id = ?",
		"DELETE FROM ports WHERE id = ?",
	} {
		if _, err := db.Exec(ctx, tx.q, text, p.ID); err != nil {
			return fmt.Errorf("delete port: %w", err)
		}
	}
	return nil
}
