package service

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// place gives networks and routers that nobody serves to live agents. It is
// the loop that heals the loss of an agent and the arrival of the first.
func (s *Service) place(ctx context.Context) error {
	hosts, err := s.serving(ctx, rpcapi.AgentDHCP)
	if err != nil {
		return err
	}
	unserved, err := s.store.NetworksUnserved(ctx, hosts)
	if err != nil {
		return err
	}
	for _, id := range unserved {
		err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Lock(ctx, "network:"+id); err != nil {
				return err
			}
			return s.ensureDHCP(ctx, tx, id)
		})
		if err != nil {
			slog.WarnContext(ctx, "a network got no DHCP server", "network", id, "error", err)
		}
	}
	return s.placeRouters(ctx)
}

// serving are the hosts whose agent of a type may keep what it has. Nowhere is
// one of them: what is there stays there.
func (s *Service) serving(ctx context.Context, agentType string) ([]string, error) {
	agents, err := s.store.AgentsOfType(ctx, agentType)
	out := []string{neutron.Nowhere}
	for _, a := range agents {
		if a.AdminStateUp && s.alive(a) {
			out = append(out, a.Host)
		}
	}
	return out, err
}

func (s *Service) placeRouters(ctx context.Context) error {
	hosts, err := s.serving(ctx, rpcapi.AgentL3)
	if err != nil {
		return err
	}
	routers, err := s.store.RouterRows(ctx, "host NOT IN (?) AND id IN (SELECT router_id FROM router_ports)", db.List(hosts))
	if err != nil {
		return err
	}
	for _, rt := range routers {
		err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			host, err := s.pickHost(ctx, tx.Store, rpcapi.AgentL3, rt.ID, rt.AZHints)
			if err != nil || host == "" || host == rt.Host {
				return err
			}
			return s.moveRouter(ctx, tx, rt.ID, host)
		})
		if err != nil {
			slog.WarnContext(ctx, "a router got no host", "router", rt.ID, "error", err)
		}
	}
	return nil
}

// placeRouter chooses a host for a router that has none yet.
func (s *Service) placeRouter(ctx context.Context, tx *store.Tx, rt *neutron.Router) (err error) {
	if rt.Host == "" {
		rt.Host, err = s.pickHost(ctx, tx.Store, rpcapi.AgentL3, rt.ID, rt.AZHints)
	}
	return err
}

// moveRouter gives a router and its ports to another host.
func (s *Service) moveRouter(ctx context.Context, tx *store.Tx, id, host string) error {
	if err := tx.Lock(ctx, "router:"+id); err != nil {
		return err
	}
	rt, err := tx.Router(ctx, id, "")
	if err != nil {
		return err
	}
	tx.TouchOn(rt.Host, store.KindRouter, id)
	rt.Host = host
	if err := tx.UpdateRouter(ctx, rt); err != nil {
		return err
	}
	ports, err := portsOfRouter(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := s.movePort(ctx, tx, p, realHost(host)); err != nil {
			return err
		}
	}
	return nil
}

// realHost is "" for Nowhere.
func realHost(host string) string {
	if host == neutron.Nowhere {
		return ""
	}
	return host
}

func (s *Service) movePort(ctx context.Context, tx *store.Tx, p neutron.Port, host string) error {
	if p.HostID == host && p.Bound() {
		return nil
	}
	old := p
	p.HostID = host
	if err := s.rebind(ctx, tx, old, &p); err != nil {
		return err
	}
	return tx.UpdatePort(ctx, old, p)
}

// ensureDHCP gives a network with DHCP a host that serves it and the port that
// the server lives on, with an address in each subnet that wants DHCP. A
// network without DHCP has no such port. The caller holds the network's lock.
func (s *Service) ensureDHCP(ctx context.Context, tx *store.Tx, networkID string) error {
	n, err := tx.NetworkRow(ctx, networkID, "")
	if err != nil {
		return err
	}
	subs, err := tx.SubnetsOf(ctx, networkID)
	if err != nil {
		return err
	}
	ports, err := tx.PortsWhere(ctx, "network_id = ? AND device_owner = ?", networkID, neutron.OwnerDHCP)
	if err != nil {
		return err
	}
	subs = slices.DeleteFunc(subs, func(sub neutron.Subnet) bool { return !sub.EnableDHCP })
	if len(subs) == 0 {
		return s.dropDHCP(ctx, tx, ports)
	}
	host, err := s.dhcpHost(ctx, tx, n)
	if err != nil || host == "" || host == neutron.Nowhere {
		return err
	}
	if host != n.DHCPHost {
		if err := tx.SetDHCPHost(ctx, n.ID, host); err != nil {
			return err
		}
	}
	return s.ensureDHCPPort(ctx, tx, n, host, subs, ports)
}

// dhcpHost is who shall serve the network's DHCP.
func (s *Service) dhcpHost(ctx context.Context, tx *store.Tx, n neutron.Network) (string, error) {
	if n.DHCPHost == neutron.Nowhere {
		return n.DHCPHost, nil
	}
	if n.DHCPHost != "" {
		if ok, err := s.usable(ctx, tx.Store, rpcapi.AgentDHCP, n.DHCPHost); err != nil || ok {
			return n.DHCPHost, err
		}
	}
	host, err := s.pickHost(ctx, tx.Store, rpcapi.AgentDHCP, n.ID, n.AZHints)
	if err == nil && host == "" {
		host = n.DHCPHost // nobody better: it may come back
	}
	return host, err
}

// dropDHCP removes a network's DHCP ports; its host stays chosen.
func (s *Service) dropDHCP(ctx context.Context, tx *store.Tx, ports []neutron.Port) error {
	for _, p := range ports {
		if err := tx.DeletePort(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) ensureDHCPPort(ctx context.Context, tx *store.Tx, n neutron.Network, host string, subs []neutron.Subnet, ports []neutron.Port) error {
	device := "dhcp" + uuid.NewSHA1(uuid.NameSpaceDNS, []byte(host)).String() + "-" + n.ID
	if len(ports) == 0 {
		return s.makeDHCPPort(ctx, tx, n, host, device, subs)
	}
	for _, extra := range ports[1:] {
		if err := tx.DeletePort(ctx, extra); err != nil {
			return err
		}
	}
	old := ports[0]
	p := old
	p.FixedIPs = slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool {
		return !slices.ContainsFunc(subs, func(sub neutron.Subnet) bool { return sub.ID == f.SubnetID })
	})
	if err := s.fillDHCP(ctx, tx, &p, subs); err != nil {
		return err
	}
	p.HostID, p.DeviceID = host, device
	if err := s.rebind(ctx, tx, old, &p); err != nil {
		return err
	}
	if p.HostID == old.HostID && p.VIFType == old.VIFType && slices.Equal(p.FixedIPs, old.FixedIPs) {
		return nil
	}
	p.Touch(s.clock.Now())
	return tx.UpdatePort(ctx, old, p)
}

func (s *Service) makeDHCPPort(ctx context.Context, tx *store.Tx, n neutron.Network, host, device string, subs []neutron.Subnet) error {
	req := neutron.PortRequest{NetworkID: neutron.Some(n.ID), ProjectID: neutron.Some(n.ProjectID), DeviceID: neutron.Some(device),
		DeviceOwner: neutron.Some(neutron.OwnerDHCP), HostID: neutron.Some(host)}
	p := s.newPort(n, req)
	if err := chooseMAC(ctx, tx, &p); err != nil {
		return err
	}
	p.FixedIPs, p.SecurityGroups = []neutron.FixedIP{}, []string{}
	p.AllowedAddressPairs, p.ExtraDHCPOpts = []neutron.AddressPair{}, []neutron.DHCPOpt{}
	if err := s.fillDHCP(ctx, tx, &p, subs); err != nil {
		return err
	}
	if err := s.bind(ctx, tx, n, &p); err != nil {
		return err
	}
	return tx.InsertPort(ctx, p)
}

// fillDHCP gives the port an address in each subnet where it has none and one is left.
func (s *Service) fillDHCP(ctx context.Context, tx *store.Tx, p *neutron.Port, subs []neutron.Subnet) error {
	for _, sub := range subs {
		if slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.SubnetID == sub.ID }) {
			continue
		}
		if sub.Auto() {
			if err := addAuto(p, []neutron.Subnet{sub}); err != nil {
				return err
			}
			continue
		}
		ip, err := s.free(ctx, tx, sub, p)
		if err != nil {
			return err
		}
		if ip != (netip.Addr{}) {
			p.FixedIPs = append(p.FixedIPs, neutron.FixedIP{SubnetID: sub.ID, IPAddress: ip.String()})
		}
	}
	return nil
}

// NetworksOfAgent are the networks whose DHCP an agent serves.
func (s *Service) NetworksOfAgent(ctx context.Context, a neutron.Agent) ([]neutron.Network, error) {
	rows, err := s.store.NetworksServedBy(ctx, a.Host)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i], err = s.store.Network(ctx, rows[i].ID, ""); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// DHCPAgentsOf are the agents that serve a network's DHCP.
func (s *Service) DHCPAgentsOf(ctx context.Context, n neutron.Network) ([]neutron.Agent, error) {
	return s.agentsOn(ctx, rpcapi.AgentDHCP, n.DHCPHost)
}

// L3AgentsOf are the agents that host a router.
func (s *Service) L3AgentsOf(ctx context.Context, rt neutron.Router) ([]neutron.Agent, error) {
	return s.agentsOn(ctx, rpcapi.AgentL3, rt.Host)
}

func (s *Service) agentsOn(ctx context.Context, typ, host string) ([]neutron.Agent, error) {
	q := neutron.Query{Filters: []neutron.Filter{{Attr: "agent_type", Values: []any{typ}}, {Attr: "host", Values: []any{host}}}}
	return s.Agents(ctx, q)
}

// RoutersOfAgent are the routers that an agent hosts.
func (s *Service) RoutersOfAgent(ctx context.Context, a neutron.Agent) ([]neutron.Router, error) {
	return s.store.RoutersWhere(ctx, "host = ?", a.Host)
}

// ServeNetwork moves a network's DHCP to an agent.
func (s *Service) ServeNetwork(ctx context.Context, a neutron.Agent, networkID string) error {
	if a.AgentType != rpcapi.AgentDHCP || !a.AdminStateUp {
		return fault.NotFound("Agent %s is not a valid DHCP Agent or has been disabled.", a.ID).As("InvalidDHCPAgent")
	}
	return s.assignNetwork(ctx, networkID, func(n neutron.Network) (string, error) {
		if n.DHCPHost == a.Host {
			return "", fault.Conflict("The network %s has been already hosted by the DHCP Agent %s.", n.ID, a.ID).As("NetworkHostedByDHCPAgent")
		}
		return a.Host, nil
	})
}

// UnserveNetwork takes a network's DHCP from an agent, for good.
func (s *Service) UnserveNetwork(ctx context.Context, a neutron.Agent, networkID string) error {
	return s.assignNetwork(ctx, networkID, func(n neutron.Network) (string, error) {
		if n.DHCPHost != a.Host {
			return "", fault.Conflict("The network %s is not hosted by the DHCP Agent %s.", n.ID, a.ID).As("NetworkNotHostedByDhcpAgent")
		}
		return neutron.Nowhere, nil
	})
}

func (s *Service) assignNetwork(ctx context.Context, id string, choose func(neutron.Network) (string, error)) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "network:"+id); err != nil {
			return err
		}
		n, err := tx.NetworkRow(ctx, id, "")
		if err != nil {
			return err
		}
		host, err := choose(n)
		if err != nil {
			return err
		}
		if err := tx.SetDHCPHost(ctx, id, host); err != nil {
			return err
		}
		if host != neutron.Nowhere {
			return s.ensureDHCP(ctx, tx, id)
		}
		ports, err := tx.PortsWhere(ctx, "network_id = ? AND device_owner = ?", id, neutron.OwnerDHCP)
		if err != nil {
			return err
		}
		return s.dropDHCP(ctx, tx, ports)
	})
}

// HostRouter moves a router to an agent.
func (s *Service) HostRouter(ctx context.Context, a neutron.Agent, routerID string) error {
	if a.AgentType != rpcapi.AgentL3 || !a.AdminStateUp {
		return fault.NotFound("Agent %s is not a L3 Agent or has been disabled", a.ID).As("InvalidL3Agent")
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		rt, err := tx.Router(ctx, routerID, "")
		if err != nil {
			return err
		}
		if rt.Host == a.Host {
			return nil
		}
		if rt.Host != "" && rt.Host != neutron.Nowhere {
			return fault.Conflict("The router %s has been already hosted by the L3 Agent %s.", rt.ID, a.ID).As("RouterHostedByL3Agent")
		}
		return s.moveRouter(ctx, tx, routerID, a.Host)
	})
}

// UnhostRouter takes a router from an agent, for good.
func (s *Service) UnhostRouter(ctx context.Context, a neutron.Agent, routerID string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		rt, err := tx.Router(ctx, routerID, "")
		if err != nil {
			return err
		}
		if rt.Host != a.Host {
			return fault.Conflict("The router %s is not hosted by the L3 Agent %s.", rt.ID, a.ID).As("RouterNotHostedByL3Agent")
		}
		return s.moveRouter(ctx, tx, routerID, neutron.Nowhere)
	})
}
