// Package novatest is what Nova's tests stand on: images, networks and claims
// in memory, and hosts that run fake guests behind the real nova-compute.
package novatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Images is Glance in memory, by image ID.
type Images map[string]nova.Image

// ImageID is an image that is always there in a World.
const ImageID = "a654612a-c673-425d-9d6c-2168f9f012c7"

// Image finds an image.
func (i Images) Image(_ context.Context, id string) (nova.Image, error) {
	img, ok := i[id]
	if !ok {
		return img, fault.NotFound("Image %s could not be found.", id)
	}
	return img, nil
}

// Port is a port of Networks.
type Port struct {
	VIF      nova.VIF
	ServerID string
	Host     string
	Status   string
	Groups   []string
}

// Networks is Neutron in memory. Ports are ACTIVE as soon as they are made
// unless Down is set.
type Networks struct {
	mu    sync.Mutex
	Down  bool
	Err   error // every call fails with it when set
	nets  map[string]string
	ports map[string]*Port
	count int
}

// NetworkID is a network that is always there.
const NetworkID = "5c3200a8-7bf1-4de3-8e88-7d499b5f5b7a"

// NewNetworks has one network, "g-cnet", and the security group "default".
func NewNetworks() *Networks {
	return &Networks{nets: map[string]string{NetworkID: "g-cnet"}, ports: map[string]*Port{}}
}

// AddPort makes a port that is nobody's yet.
func (n *Networks) AddPort(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports[id] = n.port(id, NetworkID)
}

func (n *Networks) port(id, network string) *Port {
	n.count++
	p := &Port{Status: "ACTIVE", Groups: []string{"default"}, VIF: nova.VIF{PortID: id, SecurityGroups: []string{"default"}, MAC: fmt.Sprintf("fa:16:3e:00:%02x:%02x", n.count/256, n.count%256),
		NetworkID: network, NetworkName: n.nets[network], Bridge: "brq" + network[:11], Tap: "tap" + id[:11], MTU: 1450, Type: "bridge",
		FixedIPs: []nova.FixedIP{{Address: fmt.Sprintf("10.44.%d.%d", n.count/250, n.count%250+2), Version: 4, SubnetID: "s", CIDR: "10.44.0.0/16"}}}}
	if n.Down {
		p.Status = "DOWN"
	}
	return p
}

// Resolve knows the networks and ports that there are.
func (n *Networks) Resolve(_ context.Context, w nova.NetworkWish) (nova.NetworkPlan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	plan := nova.NetworkPlan{Requests: slices.Clone(w.Networks), Count: w.Count}
	for _, g := range w.SecurityGroups {
		if g != "default" {
			return plan, fault.BadRequest("Unable to find security_group with name or id '%s'", g)
		}
	}
	if w.Auto {
		plan.Requests = []nova.NetworkRequest{{NetworkID: NetworkID}}
	}
	for _, r := range plan.Requests {
		switch p := n.ports[r.PortID]; {
		case r.PortID != "" && p == nil:
			return plan, fault.BadRequest("Port id %s could not be found.", r.PortID)
		case r.PortID != "" && p.ServerID != "":
			return plan, fault.Conflict("Port %s is still in use.", r.PortID)
		case r.PortID == "" && n.nets[r.NetworkID] == "":
			return plan, fault.BadRequest("Network %s could not be found.", r.NetworkID)
		}
	}
	return plan, n.Err
}

// EnsurePorts finds or makes the server's ports.
func (n *Networks) EnsurePorts(_ context.Context, s nova.Server, wants []nova.NetworkRequest) ([]nova.VIF, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.Err != nil {
		return nil, n.Err
	}
	var out []nova.VIF
	taken := map[string]bool{}
	for _, w := range wants {
		if w.FixedIP != "" && !strings.HasPrefix(w.FixedIP, "10.44.") {
			return nil, fault.BadRequest("Invalid input received: Fixed IP %s is not a valid ip address for network %s.", w.FixedIP, w.NetworkID)
		}
		p := n.ports[w.PortID]
		for _, have := range n.ports {
			if p == nil && have.ServerID == s.ID && have.VIF.NetworkID == w.NetworkID && !taken[have.VIF.PortID] {
				p = have
			}
		}
		if p == nil {
			id := uuid.New()
			p = n.port(id, w.NetworkID)
			n.ports[id] = p
		}
		taken[p.VIF.PortID] = true
		p.ServerID, p.Host = s.ID, s.Host
		p.VIF.Created, p.VIF.Tag = w.PortID == "", w.Tag
		out = append(out, p.VIF)
	}
	return out, nil
}

// DeletePorts deletes or frees the server's ports.
func (n *Networks) DeletePorts(_ context.Context, serverID string, keep []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, p := range n.ports {
		switch {
		case p.ServerID != serverID:
		case slices.Contains(keep, id):
			p.ServerID, p.Host = "", ""
		default:
			delete(n.ports, id)
		}
	}
	return nil
}

// DeletePort deletes or frees one port.
func (n *Networks) DeletePort(_ context.Context, portID string, keep bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.ports[portID]; p != nil && keep {
		p.ServerID, p.Host = "", ""
	} else {
		delete(n.ports, portID)
	}
	return nil
}

// VIFs lists the server's ports by ID.
func (n *Networks) VIFs(_ context.Context, s nova.Server) ([]nova.VIF, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []nova.VIF
	for _, id := range slices.Sorted(maps.Keys(n.ports)) {
		if p := n.ports[id]; p.ServerID == s.ID {
			out = append(out, p.VIF)
		}
	}
	return out, nil
}

// VIFsOf is VIFs of several servers.
func (n *Networks) VIFsOf(ctx context.Context, list []nova.Server) (map[string][]nova.VIF, error) {
	out := map[string][]nova.VIF{}
	for _, s := range list {
		out[s.ID], _ = n.VIFs(ctx, s) // never fails
	}
	return out, nil
}

// PortStates tells the status of each of the server's ports.
func (n *Networks) PortStates(_ context.Context, serverID string) (map[string]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]string{}
	for id, p := range n.ports {
		if p.ServerID == serverID {
			out[id] = p.Status
		}
	}
	return out, nil
}

// Plug makes all of a server's ports ACTIVE.
func (n *Networks) Plug(serverID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.ports {
		if p.ServerID == serverID {
			p.Status = "ACTIVE"
		}
	}
}

// Ports counts the ports there are, and those that are a server's.
func (n *Networks) Ports() (all, used int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.ports {
		if p.ServerID != "" {
			used++
		}
	}
	return len(n.ports), used
}

// SecurityGroups tells that every port has the group "default".
func (n *Networks) SecurityGroups(_ context.Context, serverIDs []string, _ bool) (map[string][]nova.SecurityGroup, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string][]nova.SecurityGroup{}
	for _, p := range n.ports {
		if slices.Contains(serverIDs, p.ServerID) && out[p.ServerID] == nil {
			for _, g := range p.Groups {
				out[p.ServerID] = append(out[p.ServerID], nova.SecurityGroup{ID: g, Name: g})
			}
		}
	}
	return out, nil
}

// GroupNames tells that groups are named as their IDs.
func (n *Networks) GroupNames(_ context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	for _, id := range ids {
		out[id] = id
	}
	return out, n.Err
}

// SetSecurityGroup knows only the group "default".
func (n *Networks) SetSecurityGroup(_ context.Context, s nova.Server, group string, _ bool) error {
	if group != "default" {
		return fault.NotFound("Security group %s is not found for project %s", group, s.ProjectID)
	}
	return nil
}

// Claims is Placement in memory.
type Claims struct {
	mu        sync.Mutex
	providers map[string]nova.ProviderInventory
	claims    map[string]claim
	Lose      map[string]bool // providers on which every claim is lost
}

type claim struct {
	provider string
	amounts  nova.Resources
}

// NewClaims knows no providers.
func NewClaims() *Claims {
	return &Claims{providers: map[string]nova.ProviderInventory{}, claims: map[string]claim{}, Lose: map[string]bool{}}
}

func (c *Claims) capacity(provider string) map[string]nova.Capacity {
	out := maps.Clone(c.providers[provider].Inventory)
	for _, held := range c.claims {
		if held.provider != provider {
			continue
		}
		for class, n := range held.amounts {
			v := out[class]
			v.Used += n
			out[class] = v
		}
	}
	return out
}

func fits(has map[string]nova.Capacity, r nova.Resources) bool {
	for class, n := range r {
		if v := has[class]; n > v.MaxUnit || n > v.Free() {
			return false
		}
	}
	return true
}

// Candidates lists the providers with room, by ID.
func (c *Claims) Candidates(_ context.Context, r nova.ClaimRequest) ([]nova.Candidate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []nova.Candidate
	for _, id := range slices.Sorted(maps.Keys(c.providers)) {
		if has := c.capacity(id); fits(has, r.Resources) {
			out = append(out, nova.Candidate{ProviderID: id, Capacity: has})
		}
	}
	return out, nil
}

// Claim moves the server's claim to the provider.
func (c *Claims) Claim(_ context.Context, s nova.Server, providerID string, r nova.Resources) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	had, ok := c.claims[s.ID]
	delete(c.claims, s.ID)
	if c.Lose[providerID] || !fits(c.capacity(providerID), r) {
		if ok {
			c.claims[s.ID] = had
		}
		return nova.ErrClaimLost
	}
	c.claims[s.ID] = claim{providerID, r}
	return nil
}

// Release gives the server's claim back.
func (c *Claims) Release(_ context.Context, serverID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.claims, serverID)
	return nil
}

// EnsureProvider keeps what a host says.
func (c *Claims) EnsureProvider(_ context.Context, p nova.ProviderInventory) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.providers[p.ProviderID] = p
	return nil
}

// Capacity is what a provider has and what of it is used.
func (c *Claims) Capacity(_ context.Context, providerID string) (map[string]nova.Capacity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.capacity(providerID), nil
}

// Consumers lists who has claims on a provider.
func (c *Claims) Consumers(_ context.Context, providerID string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for id, held := range c.claims {
		if held.provider == providerID {
			out = append(out, id)
		}
	}
	return out, nil
}

// Held is the provider a server has a claim on, or "".
func (c *Claims) Held(serverID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims[serverID].provider
}

// Providers is how many hosts have said what they hold.
func (c *Claims) Providers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.providers)
}

// Count is how many claims there are.
func (c *Claims) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.claims)
}
