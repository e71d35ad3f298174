package peers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// Resolve checks, with the caller's eyes, what a new server wants of the
// network and says which ports it will get.
func (n *Neutron) Resolve(ctx context.Context, w nova.NetworkWish) (plan nova.NetworkPlan, err error) {
	c, err := n.asCaller(ctx)
	if err != nil {
		return plan, err
	}
	plan.Count = w.Count
	if plan.SecurityGroups, err = c.groupIDs(ctx, w); err != nil {
		return plan, err
	}
	if w.Auto {
		plan.Requests, err = c.projectNetwork(ctx, w)
	} else {
		plan.Requests, err = c.checkRequests(ctx, w)
	}
	if err != nil {
		return plan, err
	}
	plan.Count, err = n.portQuota(ctx, w, plan.Requests)
	return plan, err
}

// projectNetwork is the one network that a project can use.
func (c client) projectNetwork(ctx context.Context, w nova.NetworkWish) ([]nova.NetworkRequest, error) {
	own := values("project_id", w.ProjectID, "shared", "false")
	if w.Allocate {
		own.Set("admin_state_up", "true")
	}
	nets, err := c.networks(ctx, own)
	if err != nil {
		return nil, err
	}
	shared, err := c.networks(ctx, values("shared", "true"))
	if err != nil {
		return nil, err
	}
	nets = append(nets, shared...)
	switch {
	case len(nets) > 1:
		return nil, fault.Conflict("Multiple possible networks found, use a Network ID to be more specific.")
	case len(nets) == 1:
		if err := mayAttach(w, nets[0]); err != nil {
			return nil, err
		}
		return []nova.NetworkRequest{{NetworkID: nets[0].ID}}, nil
	case w.Allocate:
		return c.allocateNetwork(ctx, w)
	}
	return nil, nil
}

// allocateNetwork has Neutron make the project's own topology.
func (c client) allocateNetwork(ctx context.Context, w nova.NetworkWish) ([]nova.NetworkRequest, error) {
	var doc struct {
		Topology struct {
			ID string `json:"id"`
		} `json:"auto_allocated_topology"`
	}
	err := c.call(ctx, "GET", "auto-allocated-topology/"+w.ProjectID, nil, nil, &doc)
	if code := status(err); code == 0 && err != nil {
		return nil, fmt.Errorf("neutron: %w", err)
	} else if err != nil || doc.Topology.ID == "" {
		return nil, fault.BadRequest("Unable to automatically allocate a network for project %s", w.ProjectID).Cause(err)
	}
	return []nova.NetworkRequest{{NetworkID: doc.Topology.ID}}, nil
}

func (c client) networks(ctx context.Context, query map[string][]string) ([]networkDoc, error) {
	var doc struct {
		Networks []networkDoc `json:"networks"`
	}
	if err := c.call(ctx, "GET", "networks", query, nil, &doc); err != nil {
		return nil, fmt.Errorf("neutron: %w", err)
	}
	return doc.Networks, nil
}

// mayAttach refuses an external network that is not shared to those who may not use it.
func mayAttach(w nova.NetworkWish, net networkDoc) error {
	if net.External && !net.Shared && !w.External {
		return fault.Forbidden("It is not allowed to create an interface on external network %s", net.ID)
	}
	return nil
}

// checkRequests makes sure that every port and network that is named is there and free.
func (c client) checkRequests(ctx context.Context, w nova.NetworkWish) ([]nova.NetworkRequest, error) {
	out := slices.Clone(w.Networks)
	var ids []string
	for i, r := range out {
		if r.PortID == "" {
			ids = append(ids, r.NetworkID)
			continue
		}
		port, err := c.freePort(ctx, r.PortID)
		if err != nil {
			return nil, err
		}
		out[i].NetworkID = port.NetworkID
	}
	if len(ids) == 0 {
		return out, nil
	}
	nets, err := c.networks(ctx, each(values(), "id", ids))
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, id := range ids {
		i := slices.IndexFunc(nets, func(net networkDoc) bool { return net.ID == id })
		if i < 0 {
			if !slices.Contains(lost, id) {
				lost = append(lost, id)
			}
			continue
		}
		if len(nets[i].Subnets) == 0 {
			return nil, fault.BadRequest("Network %s requires a subnet in order to boot instances on.", id)
		}
		if err := mayAttach(w, nets[i]); err != nil {
			return nil, err
		}
	}
	if len(lost) > 0 {
		return nil, fault.BadRequest("Network %s could not be found.", strings.Join(lost, ", "))
	}
	return out, c.freeAddresses(ctx, out)
}

// freePort reads a port that is not in use yet.
func (c client) freePort(ctx context.Context, id string) (portDoc, error) {
	var doc onePort
	err := c.call(ctx, "GET", "ports/"+id, nil, nil, &doc)
	p := doc.Port
	switch {
	case status(err) == 404:
		return p, fault.BadRequest("Port id %s could not be found.", id)
	case err != nil:
		return p, fmt.Errorf("neutron: %w", err)
	case p.DeviceID != "":
		return p, fault.Conflict("Port %s is still in use.", id)
	case len(p.FixedIPs) == 0 && p.IPAllocation != "deferred" && p.IPAllocation != "none":
		return p, fault.BadRequest("Port %s requires a FixedIP in order to be used.", id)
	}
	return p, nil
}

// freeAddresses refuses fixed addresses that another port has.
func (c client) freeAddresses(ctx context.Context, requests []nova.NetworkRequest) error {
	for _, r := range requests {
		if r.FixedIP == "" {
			continue
		}
		var doc portList
		query := fields(values("network_id", r.NetworkID, "fixed_ips", "ip_address="+r.FixedIP), "device_id")
		if err := c.call(ctx, "GET", "ports", query, nil, &doc); err != nil {
			return fmt.Errorf("neutron: %w", err)
		}
		if len(doc.Ports) > 0 {
			return fault.BadRequest("Fixed IP address %s is already in use on instance %s.", r.FixedIP, doc.Ports[0].DeviceID)
		}
	}
	return nil
}

// portQuota is how many of the servers the project's quota of ports allows.
func (n *Neutron) portQuota(ctx context.Context, w nova.NetworkWish, requests []nova.NetworkRequest) (int, error) {
	each := 0
	for _, r := range requests {
		if r.PortID == "" {
			each++
		}
	}
	if each == 0 || w.Count == 0 {
		return w.Count, nil
	}
	c, err := n.own(ctx)
	if err != nil {
		return 0, err
	}
	var doc struct {
		Quota struct {
			Port struct {
				Limit int `json:"limit"`
				Used  int `json:"used"`
			} `json:"port"`
		} `json:"quota"`
	}
	err = c.call(ctx, "GET", "quotas/"+w.ProjectID+"/details", nil, nil, &doc)
	if code := status(err); code == 404 || code == 403 {
		return w.Count, nil // the quota is enforced when ports are made
	} else if err != nil {
		return 0, fmt.Errorf("neutron: %w", err)
	}
	if q := doc.Quota.Port; q.Limit >= 0 {
		return min(w.Count, max(0, q.Limit-q.Used)/each), nil
	}
	return w.Count, nil
}
