package service

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/fault"
)

// Routers lists the routers that the caller may see.
func (s *Service) Routers(ctx context.Context, q neutron.Query) ([]neutron.Router, error) {
	q.ProjectID = scope(ctx)
	return s.store.Routers(ctx, q)
}

// Router finds a router that the caller may see.
func (s *Service) Router(ctx context.Context, id string) (neutron.Router, error) {
	return s.store.Router(ctx, id, scope(ctx))
}

// CreateRouters makes routers, all or none.
func (s *Service) CreateRouters(ctx context.Context, reqs []neutron.RouterRequest) (out []neutron.Router, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			rt, err := s.createRouter(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, rt)
		}
		return nil
	})
	return out, err
}

func (s *Service) createRouter(ctx context.Context, tx *store.Tx, r neutron.RouterRequest) (neutron.Router, error) {
	rt := neutron.Router{ID: newID(), Name: r.Name.Value, ProjectID: r.ProjectID.Value, AdminStateUp: r.AdminStateUp.Or(true),
		Status: neutron.StatusActive, AZHints: r.AZHints.Or([]string{}), Routes: []neutron.Route{}, EnableSNAT: true,
		Standard: s.standard(r.Description)}
	rt.Revision = 1
	if err := s.checkZones(ctx, tx, r.AZHints.Value, neutron.AZRouter); err != nil {
		return rt, err
	}
	if err := s.count(ctx, tx, "router", rt.ProjectID, 1); err != nil {
		return rt, err
	}
	if err := tx.InsertRouter(ctx, rt); err != nil {
		return rt, err
	}
	if r.Gateway.Value.NetworkID == "" {
		return rt, nil
	}
	if err := s.setGateway(ctx, tx, &rt, r.Gateway.Value); err != nil {
		return rt, err
	}
	rt.Touch(s.clock.Now())
	return rt, tx.UpdateRouter(ctx, rt)
}

// UpdateRouter changes a router.
func (s *Service) UpdateRouter(ctx context.Context, id string, r neutron.RouterRequest, m Match) (neutron.Router, error) {
	return s.changeRouter(ctx, id, m, func(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
		r.Name.To(&rt.Name)
		r.Description.To(&rt.Description)
		r.AdminStateUp.To(&rt.AdminStateUp)
		if r.Gateway.Set {
			if err := s.setGateway(ctx, tx, rt, r.Gateway.Value); err != nil {
				return err
			}
		}
		if r.Routes.Set {
			return s.setRoutes(ctx, tx, rt, r.Routes.Value)
		}
		return nil
	})
}

// changeRouter runs change on a locked router and writes it.
func (s *Service) changeRouter(ctx context.Context, id string, m Match, change func(context.Context, *store.Tx, *neutron.Router) error) (rt neutron.Router, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "router:"+id); err != nil {
			return err
		}
		if rt, err = tx.Router(ctx, id, ""); err != nil {
			return err
		}
		if err := m.check(rt.Revision); err != nil {
			return err
		}
		if err := change(ctx, tx, &rt); err != nil {
			return err
		}
		rt.Touch(s.clock.Now())
		return tx.UpdateRouter(ctx, rt)
	})
	if err != nil {
		return rt, err
	}
	return s.store.Router(ctx, id, "")
}

// AddRoutes adds routes that the router does not have yet.
func (s *Service) AddRoutes(ctx context.Context, id string, routes []neutron.Route) (neutron.Router, error) {
	return s.changeRouter(ctx, id, "", func(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
		all := slices.Clone(rt.Routes)
		for _, r := range routes {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
		return s.setRoutes(ctx, tx, rt, all)
	})
}

// RemoveRoutes removes those of routes that the router has.
func (s *Service) RemoveRoutes(ctx context.Context, id string, routes []neutron.Route) (neutron.Router, error) {
	return s.changeRouter(ctx, id, "", func(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
		rt.Routes = slices.DeleteFunc(slices.Clone(rt.Routes), func(r neutron.Route) bool { return slices.Contains(routes, r) })
		return nil
	})
}

// setRoutes refuses routes by way of addresses that the router cannot reach.
func (s *Service) setRoutes(ctx context.Context, tx *store.Tx, rt *neutron.Router, routes []neutron.Route) error {
	if len(routes) > s.cfg.MaxRoutes {
		return fault.BadRequest("Unable to complete operation for %s. The number of routes exceeds the maximum %d.", rt.ID, s.cfg.MaxRoutes).As("RoutesExhausted")
	}
	cidrs, own, err := reach(ctx, tx, rt.ID)
	if err != nil {
		return err
	}
	for _, r := range routes {
		hop, err := netip.ParseAddr(r.NextHop)
		if err != nil {
			return neutron.InvalidInput("Invalid route: %v", r)
		}
		if !slices.ContainsFunc(cidrs, func(p netip.Prefix) bool { return p.Contains(hop) }) {
			return badRoutes(routes, "the nexthop is not connected with router")
		}
		if slices.Contains(own, hop) {
			return badRoutes(routes, "the nexthop is used by router")
		}
	}
	rt.Routes = routes
	return nil
}

func badRoutes(routes []neutron.Route, why string) error {
	var list []string
	for _, r := range routes {
		list = append(list, fmt.Sprintf("{'destination': '%s', 'nexthop': '%s'}", r.Destination, r.NextHop))
	}
	return fault.BadRequest("Invalid format for routes: [%s], %s", strings.Join(list, ", "), why).As("InvalidRoutes")
}

// reach are the prefixes on a router's ports and its own addresses.
func reach(ctx context.Context, tx *store.Tx, routerID string) (cidrs []netip.Prefix, own []netip.Addr, err error) {
	ports, err := portsOfRouter(ctx, tx, routerID)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range ports {
		subs, err := tx.SubnetsOf(ctx, p.NetworkID)
		if err != nil {
			return nil, nil, err
		}
		for _, ip := range p.FixedIPs {
			if a, err := netip.ParseAddr(ip.IPAddress); err == nil {
				own = append(own, a)
			}
			if i := slices.IndexFunc(subs, func(sub neutron.Subnet) bool { return sub.ID == ip.SubnetID }); i >= 0 {
				cidrs = append(cidrs, netip.MustParsePrefix(subs[i].CIDR))
			}
		}
	}
	return cidrs, own, nil
}

// portsOfRouter are a router's ports, of both kinds.
func portsOfRouter(ctx context.Context, tx *store.Tx, routerID string) ([]neutron.Port, error) {
	links, err := tx.RouterPorts(ctx, routerID)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, l := range links {
		ids = append(ids, l.PortID)
	}
	at, err := tx.PortsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []neutron.Port
	for _, id := range ids {
		if p, ok := at[id]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// DeleteRouter removes a router without interfaces.
func (s *Service) DeleteRouter(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "router:"+id); err != nil {
			return err
		}
		rt, err := tx.Router(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(rt.Revision); err != nil {
			return err
		}
		ports, err := portsOfRouter(ctx, tx, id)
		if err != nil {
			return err
		}
		var attached []string
		for _, p := range ports {
			if p.DeviceOwner == neutron.OwnerRouterInterface {
				attached = append(attached, p.ID)
			}
		}
		if len(attached) > 0 {
			return fault.Conflict("Router %s has ports still attached: %s", id, strings.Join(attached, ", ")).As("RouterInUse")
		}
		if err := s.clearGateway(ctx, tx, &rt); err != nil {
			return err
		}
		return tx.DeleteRouter(ctx, rt)
	})
}

// setGateway moves a router's gateway to what was asked for.
func (s *Service) setGateway(ctx context.Context, tx *store.Tx, rt *neutron.Router, r neutron.GatewayRequest) error {
	if r.NetworkID == "" {
		return s.clearGateway(ctx, tx, rt)
	}
	n, err := tx.NetworkRow(ctx, r.NetworkID, scope(ctx))
	if err != nil {
		return err
	}
	if !n.External {
		return neutron.BadRequest("router", "Network %s is not an external network", n.ID)
	}
	if rt.GatewayNetworkID != n.ID {
		if err := s.clearGateway(ctx, tx, rt); err != nil {
			return err
		}
		if err := s.addGateway(ctx, tx, rt, n, r.ExternalFixedIPs); err != nil {
			return err
		}
	} else if r.ExternalFixedIPs.Set {
		if err := s.moveGateway(ctx, tx, rt, r.ExternalFixedIPs); err != nil {
			return err
		}
	}
	rt.EnableSNAT = r.EnableSNAT.Or(true)
	if rt.Gateway != nil {
		rt.Gateway.EnableSNAT = rt.EnableSNAT
	}
	return nil
}

// addGateway makes the port that a router has on an external network.
func (s *Service) addGateway(ctx context.Context, tx *store.Tx, rt *neutron.Router, n neutron.Network, ips neutron.Opt[[]neutron.FixedIPRequest]) error {
	if err := s.placeRouter(ctx, tx, rt); err != nil {
		return err
	}
	req := neutron.PortRequest{NetworkID: neutron.Some(n.ID), DeviceID: neutron.Some(rt.ID), DeviceOwner: neutron.Some(neutron.OwnerRouterGateway),
		HostID: neutron.Some(realHost(rt.Host)), FixedIPs: ips}
	p := s.newPort(n, req)
	if err := s.insertPort(ctx, tx, n, &p, req); err != nil {
		return err
	}
	if err := checkNoOverlap(ctx, tx, rt.ID, p); err != nil {
		return err
	}
	if err := tx.AttachRouterPort(ctx, neutron.RouterPort{PortID: p.ID, RouterID: rt.ID, Owner: p.DeviceOwner}); err != nil {
		return err
	}
	rt.GatewayPortID, rt.GatewayNetworkID = p.ID, n.ID
	rt.Gateway = &neutron.GatewayInfo{NetworkID: n.ID, ExternalFixedIPs: p.FixedIPs, EnableSNAT: rt.EnableSNAT}
	return nil
}

// moveGateway gives the gateway other addresses of its network.
func (s *Service) moveGateway(ctx context.Context, tx *store.Tx, rt *neutron.Router, ips neutron.Opt[[]neutron.FixedIPRequest]) error {
	p, err := tx.Port(ctx, rt.GatewayPortID, "")
	if err != nil {
		return err
	}
	old := p
	if err := tx.Lock(ctx, "network:"+p.NetworkID); err != nil {
		return err
	}
	if err := s.changeAddresses(ctx, tx, &p, ips); err != nil {
		return err
	}
	p.Touch(s.clock.Now())
	rt.Gateway = &neutron.GatewayInfo{NetworkID: p.NetworkID, ExternalFixedIPs: p.FixedIPs, EnableSNAT: rt.EnableSNAT}
	return tx.UpdatePort(ctx, old, p)
}

// clearGateway removes a router's gateway, unless floating IPs need it.
func (s *Service) clearGateway(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
	if rt.GatewayPortID == "" {
		return nil
	}
	fips, err := tx.FloatingIPsWhere(ctx, "router_id = ? AND floating_network_id = ?", rt.ID, rt.GatewayNetworkID)
	if err != nil {
		return err
	}
	if len(fips) > 0 {
		return fault.Conflict("Gateway cannot be updated for router %s, since a gateway to external network %s is required by one or more floating IPs.",
			rt.ID, rt.GatewayNetworkID).As("RouterExternalGatewayInUseByFloatingIp")
	}
	p, err := tx.Port(ctx, rt.GatewayPortID, "")
	if err != nil {
		return err
	}
	rt.GatewayPortID, rt.GatewayNetworkID, rt.Gateway, rt.EnableSNAT = "", "", nil, true
	return tx.DeletePort(ctx, p)
}
