package peers

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

type groupDoc struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	ProjectID   string    `json:"project_id"`
	Rules       []ruleDoc `json:"security_group_rules"`
}

type ruleDoc struct {
	ID          string `json:"id"`
	Direction   string `json:"direction"`
	Protocol    string `json:"protocol"`
	PortMin     *int   `json:"port_range_min"`
	PortMax     *int   `json:"port_range_max"`
	RemoteCIDR  string `json:"remote_ip_prefix"`
	RemoteGroup string `json:"remote_group_id"`
}

func (c client) groups(ctx context.Context, query url.Values) ([]groupDoc, error) {
	var doc struct {
		Groups []groupDoc `json:"security_groups"`
	}
	if err := c.call(ctx, "GET", "security-groups", query, nil, &doc); err != nil {
		return nil, fmt.Errorf("neutron: %w", err)
	}
	return doc.Groups, nil
}

// groupIDs turns names or IDs of the project's groups into IDs. "default"
// alone is what ports get anyway.
func (c client) groupIDs(ctx context.Context, w nova.NetworkWish) ([]string, error) {
	if len(w.SecurityGroups) == 0 || slices.Equal(w.SecurityGroups, []string{"default"}) {
		return nil, nil
	}
	all, err := c.groups(ctx, fields(values("project_id", w.ProjectID), "id name"))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range w.SecurityGroups {
		id, err := pickGroup(all, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// pickGroup finds a group by ID, else by a name that only one has.
func pickGroup(all []groupDoc, name string) (string, error) {
	var found []string
	for _, g := range all {
		if g.ID == name {
			return g.ID, nil
		}
		if g.Name == name {
			found = append(found, g.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fault.BadRequest("Unable to find security_group with name or id '%s'", name)
	case 1:
		return found[0], nil
	}
	return "", fault.Conflict("Multiple security_group matches found for name '%s', use an ID to be more specific.", name)
}

// atOnce is how many IDs go into one query string.
const atOnce = 100

// SecurityGroups lists the groups on each server's ports, as the caller sees
// them; with their rules if asked.
func (n *Neutron) SecurityGroups(ctx context.Context, serverIDs []string, rules bool) (map[string][]nova.SecurityGroup, error) {
	c, err := n.asCaller(ctx)
	if err != nil {
		return nil, err
	}
	on := map[string][]string{} // server → groups
	var ids []string
	for part := range slices.Chunk(serverIDs, atOnce) {
		var doc portList
		if err := c.call(ctx, "GET", "ports", fields(each(values(), "device_id", part), "device_id security_groups"), nil, &doc); err != nil {
			return nil, fmt.Errorf("neutron: %w", err)
		}
		for _, p := range doc.Ports {
			for _, g := range p.SecurityGroups {
				if !slices.Contains(on[p.DeviceID], g) {
					on[p.DeviceID] = append(on[p.DeviceID], g)
				}
				if !slices.Contains(ids, g) {
					ids = append(ids, g)
				}
			}
		}
	}
	known, err := c.groupsByID(ctx, ids, rules)
	if err != nil {
		return nil, err
	}
	out := map[string][]nova.SecurityGroup{}
	for server, groups := range on {
		for _, id := range groups {
			if g, ok := known[id]; ok {
				out[server] = append(out[server], g)
			}
		}
	}
	return out, nil
}

// GroupNames tells the names of those groups that the caller may see, by ID.
func (n *Neutron) GroupNames(ctx context.Context, ids []string) (map[string]string, error) {
	c, err := n.asCaller(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(ids))
	for part := range slices.Chunk(ids, atOnce) {
		list, err := c.groups(ctx, fields(each(values(), "id", part), "id name"))
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			out[g.ID] = g.Name
		}
	}
	return out, nil
}

func (c client) groupsByID(ctx context.Context, ids []string, rules bool) (map[string]nova.SecurityGroup, error) {
	docs := map[string]groupDoc{}
	for part := range slices.Chunk(ids, atOnce) {
		query := each(values(), "id", part)
		if !rules {
			query = fields(query, "id name")
		}
		list, err := c.groups(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			docs[g.ID] = g
		}
	}
	if rules {
		if err := c.remoteGroups(ctx, docs); err != nil {
			return nil, err
		}
	}
	out := map[string]nova.SecurityGroup{}
	for _, id := range ids {
		if g, ok := docs[id]; ok {
			out[id] = securityGroup(g, docs)
		}
	}
	return out, nil
}

// remoteGroups adds the groups that rules refer to, for their names.
func (c client) remoteGroups(ctx context.Context, docs map[string]groupDoc) error {
	var missing []string
	for _, g := range docs {
		for _, r := range g.Rules {
			if _, known := docs[r.RemoteGroup]; r.RemoteGroup != "" && !known && !slices.Contains(missing, r.RemoteGroup) {
				missing = append(missing, r.RemoteGroup)
			}
		}
	}
	for part := range slices.Chunk(missing, atOnce) {
		list, err := c.groups(ctx, fields(each(values(), "id", part), "id name project_id"))
		if err != nil {
			return err
		}
		for _, g := range list {
			docs[g.ID] = g
		}
	}
	return nil
}

// securityGroup is a group with its ingress rules, the only ones the Compute API knows.
func securityGroup(g groupDoc, docs map[string]groupDoc) nova.SecurityGroup {
	out := nova.SecurityGroup{ID: g.ID, Name: g.Name, Description: g.Description, ProjectID: g.ProjectID}
	for _, r := range g.Rules {
		if r.Direction != "ingress" {
			continue
		}
		rule := nova.SecurityGroupRule{ID: r.ID, Protocol: r.Protocol, FromPort: r.PortMin, ToPort: r.PortMax}
		if r.Protocol != "" && r.PortMin == nil && r.PortMax == nil {
			low, high := -1, -1
			if p := strings.ToUpper(r.Protocol); p == "TCP" || p == "UDP" {
				low, high = 1, 65535
			}
			rule.FromPort, rule.ToPort = &low, &high
		}
		if remote, ok := docs[r.RemoteGroup]; ok {
			rule.GroupName, rule.GroupProject = remote.Name, remote.ProjectID
		} else if rule.CIDR = r.RemoteCIDR; rule.CIDR == "" {
			rule.CIDR = "0.0.0.0/0"
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// SetSecurityGroup adds a group, by name or ID, to all ports of a server, or takes it off.
func (n *Neutron) SetSecurityGroup(ctx context.Context, s nova.Server, group string, on bool) error {
	c, err := n.asCaller(ctx)
	if err != nil {
		return err
	}
	all, err := c.groups(ctx, fields(values("project_id", s.ProjectID), "id name"))
	if err != nil {
		return err
	}
	id, err := pickGroup(all, group)
	if fault.Is(err, 400) {
		return fault.NotFound("Security group %s is not found for project %s", group, s.ProjectID)
	} else if err != nil {
		return err
	}
	ports, err := c.portsOf(ctx, s.ID)
	if err != nil {
		return err
	}
	if len(ports) == 0 {
		return fault.NotFound("Security group %s not found for project %s.", group, s.ProjectID)
	}
	changed := false
	for _, p := range ports {
		did, err := c.setGroup(ctx, p, id, on)
		if err != nil {
			return err
		}
		changed = changed || did
	}
	if !changed && !on {
		return fault.NotFound("Security group %s not associated with the instance %s", group, s.ID)
	}
	return nil
}

// setGroup changes one port's groups, if they need it.
func (c client) setGroup(ctx context.Context, p portDoc, id string, on bool) (bool, error) {
	has := slices.Contains(p.SecurityGroups, id)
	if has == on {
		return has, nil
	}
	if on && (p.PortSecurity != nil && !*p.PortSecurity || len(p.FixedIPs) == 0) {
		return false, fault.BadRequest("Network requires port_security_enabled and subnet associated in order to apply security groups.")
	}
	groups := slices.DeleteFunc(slices.Clone(p.SecurityGroups), func(g string) bool { return g == id })
	if on {
		groups = append(groups, id)
	}
	if groups == nil {
		groups = []string{}
	}
	body := map[string]any{"port": map[string]any{"security_groups": groups}}
	if err := c.call(ctx, "PUT", "ports/"+p.ID, nil, body, nil); err != nil {
		return false, fmt.Errorf("neutron: %w", err)
	}
	return true, nil
}
