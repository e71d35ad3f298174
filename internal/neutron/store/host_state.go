package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
)

// DHCPClient is a port as its network's DHCP server sees it.
type DHCPClient struct {
	ID            string            `bun:"id"`
	NetworkID     string            `bun:"network_id"`
	MACAddress    string            `bun:"mac_address"`
	FixedIPs      []neutron.FixedIP `bun:"fixed_ips"`
	DNSName       string            `bun:"dns_name"`
	ExtraDHCPOpts []neutron.DHCPOpt `bun:"extra_dhcp_opts"`
}

// DHCPClients are the ports on networks that may ask for a lease.
func (s *Store) DHCPClients(ctx context.Context, networkIDs []string) ([]DHCPClient, error) {
	rows, err := related[DHCPClient](ctx, s, networkIDs, `SELECT id, network_id, mac_address, fixed_ips, dns_name, extra_dhcp_opts FROM ports
		WHERE network_id IN (?) AND device_owner NOT IN (?, ?) ORDER BY id`, neutron.OwnerDHCP, neutron.OwnerFloatingIP)
	if err != nil {
		return nil, fmt.Errorf("clients of DHCP: %w", err)
	}
	return rows, nil
}

// NetworkAddress is an address that a router has on a network.
type NetworkAddress struct {
	NetworkID string `bun:"network_id"`
	SubnetID  string `bun:"subnet_id"`
	IPAddress string `bun:"ip_address"`
}

// RouterAddresses are the addresses of router interfaces on the networks.
func (s *Store) RouterAddresses(ctx context.Context, networkIDs []string) ([]NetworkAddress, error) {
	rows, err := related[NetworkAddress](ctx, s, networkIDs, `SELECT a.network_id, a.subnet_id, a.ip_address FROM ip_allocations a
		JOIN router_ports rp ON rp.port_id = a.port_id WHERE a.network_id IN (?) AND rp.port_type = ? ORDER BY a.ip_address`, neutron.OwnerRouterInterface)
	if err != nil {
		return nil, fmt.Errorf("routers on networks: %w", err)
	}
	return rows, nil
}

// DHCPClientsOf are those of ports that may ask for a lease.
func (s *Store) DHCPClientsOf(ctx context.Context, portIDs []string) ([]DHCPClient, error) {
	rows, err := related[DHCPClient](ctx, s, portIDs, `SELECT id, network_id, mac_address, fixed_ips, dns_name, extra_dhcp_opts FROM ports
		WHERE id IN (?) AND device_owner NOT IN (?, ?) ORDER BY id`, neutron.OwnerDHCP, neutron.OwnerFloatingIP)
	if err != nil {
		return nil, fmt.Errorf("clients of DHCP: %w", err)
	}
	return rows, nil
}

// SecurityGroupsOf are the groups of these ids with their rules.
func (s *Store) SecurityGroupsOf(ctx context.Context, ids []string) ([]neutron.SecurityGroup, error) {
	rules, err := s.RulesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out, err := related[neutron.SecurityGroup](ctx, s, ids, "SELECT id, name, stateful, project_id FROM security_groups WHERE id IN (?) ORDER BY id")
	for i := range out {
		out[i].Rules = rules[out[i].ID]
	}
	return out, err
}
