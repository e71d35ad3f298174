package peers

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/keystoneauth"
)

// Neutron is the network service.
type Neutron struct {
	session

	mu    sync.Mutex
	known map[string]knownNetwork
}

// NewNeutron makes a client of Neutron.
func NewNeutron(s *keystoneauth.Session) *Neutron {
	return &Neutron{session: session{Session: s, service: "network"}, known: map[string]knownNetwork{}}
}

// knownNetwork is a network with its subnets, for a moment.
type knownNetwork struct {
	networkDoc
	subnets map[string]subnetDoc
	until   time.Time
}

// knownFor is how long what was read of a network is believed.
const knownFor = 10 * time.Second

type networkDoc struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	MTU      int      `json:"mtu"`
	Subnets  []string `json:"subnets"`
	External bool     `json:"router:external"`
	Shared   bool     `json:"shared"`
}

type subnetDoc struct {
	ID         string   `json:"id"`
	NetworkID  string   `json:"network_id"`
	CIDR       string   `json:"cidr"`
	Version    int      `json:"ip_version"`
	Gateway    string   `json:"gateway_ip"`
	DNS        []string `json:"dns_nameservers"`
	DHCP       bool     `json:"enable_dhcp"`
	IPv6Mode   string   `json:"ipv6_address_mode"`
	HostRoutes []struct {
		Destination string `json:"destination"`
		NextHop     string `json:"nexthop"`
	} `json:"host_routes"`
}

type fixedIPDoc struct {
	SubnetID string `json:"subnet_id,omitempty"`
	Address  string `json:"ip_address,omitempty"`
}

type portDoc struct {
	ID             string         `json:"id"`
	NetworkID      string         `json:"network_id"`
	ProjectID      string         `json:"project_id"`
	MAC            string         `json:"mac_address"`
	DeviceID       string         `json:"device_id"`
	Status         string         `json:"status"`
	FixedIPs       []fixedIPDoc   `json:"fixed_ips"`
	SecurityGroups []string       `json:"security_groups"`
	PortSecurity   *bool          `json:"port_security_enabled"`
	HostID         string         `json:"binding:host_id"`
	VIFType        string         `json:"binding:vif_type"`
	VIFDetails     map[string]any `json:"binding:vif_details"`
	VNICType       string         `json:"binding:vnic_type"`
	IPAllocation   string         `json:"ip_allocation"`
	DNSName        string         `json:"dns_name"`
}

type portList struct {
	Ports []portDoc `json:"ports"`
}

// portFields are what a portDoc has.
const portFields = "id network_id project_id mac_address device_id status fixed_ips security_groups port_security_enabled " +
	"binding:host_id binding:vif_type binding:vif_details binding:vnic_type ip_allocation dns_name"

// portsOf reads the ports of servers, at most atOnce.
func (c client) portsOf(ctx context.Context, serverIDs ...string) ([]portDoc, error) {
	var doc portList
	if err := c.call(ctx, "GET", "ports", fields(each(values(), "device_id", serverIDs), portFields), nil, &doc); err != nil {
		return nil, fmt.Errorf("neutron: %w", err)
	}
	return doc.Ports, nil
}

// EnsurePorts makes, or finds made, the ports that the server wants, each
// bound to the server's host.
func (n *Neutron) EnsurePorts(ctx context.Context, s nova.Server, wants []nova.NetworkRequest) ([]nova.VIF, error) {
	if len(wants) == 0 {
		return nil, nil
	}
	c, err := n.own(ctx)
	if err != nil {
		return nil, err
	}
	have, err := c.portsOf(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	var vifs []nova.VIF
	for _, want := range wants {
		port, err := c.ensurePort(ctx, s, want, &have)
		if err != nil {
			return nil, err
		}
		if port.VIFType == "binding_failed" || port.VIFType == "unbound" && s.Host != "" {
			return nil, fault.New(500, "Binding failed for port %s, please check neutron logs for more information.", port.ID)
		}
		vif, err := n.vif(ctx, c, port)
		if err != nil {
			return nil, err
		}
		vif.Created, vif.Tag = want.PortID == "", want.Tag
		vifs = append(vifs, vif)
	}
	return vifs, nil
}

// ensurePort finds the port among those the server has, which it is then
// taken from, or makes it.
func (c client) ensurePort(ctx context.Context, s nova.Server, want nova.NetworkRequest, have *[]portDoc) (portDoc, error) {
	i := slices.IndexFunc(*have, func(p portDoc) bool {
		if want.PortID != "" {
			return p.ID == want.PortID
		}
		fits := want.FixedIP == "" || slices.ContainsFunc(p.FixedIPs, func(ip fixedIPDoc) bool { return ip.Address == want.FixedIP })
		return p.NetworkID == want.NetworkID && fits
	})
	if i >= 0 {
		port := (*have)[i]
		*have = slices.Delete(*have, i, i+1)
		if port.HostID == s.Host {
			return port, nil
		}
		return c.bindPort(ctx, s, port.ID)
	}
	if want.PortID != "" {
		return c.bindPort(ctx, s, want.PortID)
	}
	return c.createPort(ctx, s, want)
}

// binding is what ties a port to its server.
func binding(s nova.Server) map[string]any {
	return map[string]any{"device_id": s.ID, "device_owner": "compute:" + s.Zone, "binding:host_id": s.Host}
}

type onePort struct {
	Port portDoc `json:"port"`
}

func (c client) bindPort(ctx context.Context, s nova.Server, id string) (portDoc, error) {
	var doc onePort
	err := c.call(ctx, "PUT", "ports/"+id, nil, map[string]any{"port": binding(s)}, &doc)
	return doc.Port, portFault(err, nova.NetworkRequest{PortID: id})
}

func (c client) createPort(ctx context.Context, s nova.Server, want nova.NetworkRequest) (portDoc, error) {
	port := binding(s)
	port["network_id"], port["project_id"], port["admin_state_up"] = want.NetworkID, s.ProjectID, true
	if want.FixedIP != "" {
		port["fixed_ips"] = []fixedIPDoc{{Address: want.FixedIP}}
	}
	if len(s.SecurityGroups) > 0 {
		port["security_groups"] = s.SecurityGroups
	}
	var doc onePort
	err := c.call(ctx, "POST", "ports", nil, map[string]any{"port": port}, &doc)
	return doc.Port, portFault(err, want)
}

// portFault words what Neutron refuses of a port.
func portFault(err error, want nova.NetworkRequest) error {
	p := problemOf(err)
	switch {
	case err == nil:
		return nil
	case p.Type == "OverQuota":
		return fault.Forbidden("Maximum number of ports exceeded").Cause(err)
	case p.Type == "IpAddressGenerationFailure":
		return fault.Conflict("No fixed IP addresses available for network: %s", want.NetworkID).Cause(err)
	case strings.HasPrefix(p.Type, "InvalidIpFor"):
		return fault.BadRequest("Invalid input received: Fixed IP %s is not a valid ip address for network %s.", want.FixedIP, want.NetworkID).Cause(err)
	case strings.HasPrefix(p.Type, "IpAddress"):
		return fault.BadRequest("Fixed IP %s is already in use.", want.FixedIP).Cause(err)
	case status(err) == 404 && want.PortID != "":
		return fault.BadRequest("Port id %s could not be found.", want.PortID).Cause(err)
	case status(err) == 404:
		return fault.BadRequest("Network %s could not be found.", want.NetworkID).Cause(err)
	case status(err) >= 400 && status(err) < 500 && p.Message != "":
		return fault.New(status(err), "%s", p.Message).Cause(err)
	}
	return fmt.Errorf("neutron: %w", err)
}

// DeletePorts deletes the server's ports; those in keep are only unbound.
func (n *Neutron) DeletePorts(ctx context.Context, serverID string, keep []string) error {
	c, err := n.own(ctx)
	if err != nil {
		return err
	}
	ports, err := c.portsOf(ctx, serverID)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := c.dropPort(ctx, p.ID, slices.Contains(keep, p.ID)); err != nil {
			return err
		}
	}
	return nil
}

// DeletePort deletes one port, or unbinds it when it is to be kept.
func (n *Neutron) DeletePort(ctx context.Context, portID string, keep bool) error {
	c, err := n.own(ctx)
	if err != nil {
		return err
	}
	return c.dropPort(ctx, portID, keep)
}

func (c client) dropPort(ctx context.Context, id string, keep bool) error {
	var err error
	if keep {
		free := map[string]any{"device_id": "", "device_owner": "", "binding:host_id": nil, "binding:profile": map[string]any{}}
		err = c.call(ctx, "PUT", "ports/"+id, nil, map[string]any{"port": free}, nil)
	} else {
		err = c.call(ctx, "DELETE", "ports/"+id, nil, nil, nil)
	}
	if err != nil && status(err) != 404 {
		return fmt.Errorf("neutron: %w", err)
	}
	return nil
}

// VIFs reads the server's ports with their floating addresses. The order is
// that of s.NetworkInfo, whose tags are kept; ports that are new come last.
func (n *Neutron) VIFs(ctx context.Context, s nova.Server) ([]nova.VIF, error) {
	all, err := n.VIFsOf(ctx, []nova.Server{s})
	return all[s.ID], err
}

// VIFsOf is VIFs of several servers, by ID.
func (n *Neutron) VIFsOf(ctx context.Context, list []nova.Server) (map[string][]nova.VIF, error) {
	c, err := n.own(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]nova.VIF, len(list))
	for part := range slices.Chunk(list, atOnce) {
		ids := make([]string, len(part))
		for i, s := range part {
			ids[i] = s.ID
		}
		ports, err := c.portsOf(ctx, ids...)
		if err != nil {
			return nil, err
		}
		floating, err := c.floating(ctx, ports)
		if err != nil {
			return nil, err
		}
		for _, s := range part {
			own := slices.DeleteFunc(slices.Clone(ports), func(p portDoc) bool { return p.DeviceID != s.ID })
			if out[s.ID], err = n.vifsOf(ctx, c, s, own, floating); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (n *Neutron) vifsOf(ctx context.Context, c client, s nova.Server, ports []portDoc, floating map[string][]string) (out []nova.VIF, err error) {
	at := func(p portDoc) int {
		i := slices.IndexFunc(s.NetworkInfo, func(v nova.VIF) bool { return v.PortID == p.ID })
		if i < 0 {
			return len(s.NetworkInfo)
		}
		return i
	}
	slices.SortStableFunc(ports, func(a, b portDoc) int { return at(a) - at(b) })
	for _, p := range ports {
		v, err := n.vif(ctx, c, p)
		if err != nil {
			return nil, err
		}
		if had, ok := s.VIF(p.ID); ok {
			v.Created, v.Tag = had.Created, had.Tag
		}
		for i := range v.FixedIPs {
			v.FixedIPs[i].FloatingIPs = floating[p.ID+" "+v.FixedIPs[i].Address]
		}
		out = append(out, v)
	}
	return out, nil
}

// floating maps "port fixed-address" to floating addresses.
func (c client) floating(ctx context.Context, ports []portDoc) (map[string][]string, error) {
	out := map[string][]string{}
	for part := range slices.Chunk(ports, atOnce) {
		query := url.Values{}
		for _, p := range part {
			query.Add("port_id", p.ID)
		}
		var doc struct {
			FloatingIPs []struct {
				PortID   string `json:"port_id"`
				Fixed    string `json:"fixed_ip_address"`
				Floating string `json:"floating_ip_address"`
			} `json:"floatingips"`
		}
		err := c.call(ctx, "GET", "floatingips", query, nil, &doc)
		if status(err) == 404 {
			return nil, nil // no router service
		} else if err != nil {
			return nil, fmt.Errorf("neutron: %w", err)
		}
		for _, f := range doc.FloatingIPs {
			out[f.PortID+" "+f.Fixed] = append(out[f.PortID+" "+f.Fixed], f.Floating)
		}
	}
	return out, nil
}

// PortStates tells the status of each of the server's ports.
func (n *Neutron) PortStates(ctx context.Context, serverID string) (map[string]string, error) {
	c, err := n.own(ctx)
	if err != nil {
		return nil, err
	}
	var doc portList
	if err := c.call(ctx, "GET", "ports", fields(values("device_id", serverID), "id status"), nil, &doc); err != nil {
		return nil, fmt.Errorf("neutron: %w", err)
	}
	out := make(map[string]string, len(doc.Ports))
	for _, p := range doc.Ports {
		out[p.ID] = p.Status
	}
	return out, nil
}

// vif describes a port to the host and to the API.
func (n *Neutron) vif(ctx context.Context, c client, p portDoc) (nova.VIF, error) {
	net, err := n.network(ctx, c, p)
	if err != nil {
		return nova.VIF{}, err
	}
	v := nova.VIF{PortID: p.ID, MAC: p.MAC, NetworkID: p.NetworkID, NetworkName: net.Name, Bridge: "brq" + short(p.NetworkID),
		Tap: "tap" + short(p.ID), MTU: net.MTU, Type: p.VIFType, VNICType: p.VNICType, Active: p.Status == "ACTIVE",
		SecurityGroups: append([]string{}, p.SecurityGroups...)}
	if bridge, ok := p.VIFDetails["bridge_name"].(string); ok && bridge != "" {
		v.Bridge = bridge
	}
	for _, ip := range p.FixedIPs {
		sub := net.subnets[ip.SubnetID]
		f := nova.FixedIP{Address: ip.Address, Version: sub.Version, SubnetID: ip.SubnetID, CIDR: sub.CIDR, Gateway: sub.Gateway,
			DNS: sub.DNS, DHCP: sub.DHCP, IPv6Mode: sub.IPv6Mode}
		for _, r := range sub.HostRoutes {
			f.Routes = append(f.Routes, nova.Route{CIDR: r.Destination, Gateway: r.NextHop})
		}
		v.FixedIPs = append(v.FixedIPs, f)
	}
	return v, nil
}

// short is the part of an ID that fits into an interface's name.
func short(id string) string { return id[:min(len(id), 11)] }

// network reads the network and subnets of a port, or remembers them.
func (n *Neutron) network(ctx context.Context, c client, p portDoc) (knownNetwork, error) {
	n.mu.Lock()
	k, ok := n.known[p.NetworkID]
	n.mu.Unlock()
	missing := slices.ContainsFunc(p.FixedIPs, func(ip fixedIPDoc) bool { _, has := k.subnets[ip.SubnetID]; return !has })
	if ok && !missing && time.Now().Before(k.until) {
		return k, nil
	}
	var net struct {
		Network networkDoc `json:"network"`
	}
	if err := c.call(ctx, "GET", "networks/"+p.NetworkID, nil, nil, &net); err != nil {
		return k, fmt.Errorf("neutron: %w", err)
	}
	var subs struct {
		Subnets []subnetDoc `json:"subnets"`
	}
	if err := c.call(ctx, "GET", "subnets", values("network_id", p.NetworkID), nil, &subs); err != nil {
		return k, fmt.Errorf("neutron: %w", err)
	}
	k = knownNetwork{networkDoc: net.Network, subnets: map[string]subnetDoc{}, until: time.Now().Add(knownFor)}
	for _, sub := range subs.Subnets {
		k.subnets[sub.ID] = sub
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) > 10000 {
		clear(n.known)
	}
	n.known[p.NetworkID] = k
	return k, nil
}
