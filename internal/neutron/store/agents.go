package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

var agents = newKind[neutron.Agent]("agent", "agents", func(string) (string, []any) { return "1 = 1", nil }, nil)

var hostsTable = db.Table[neutron.Host]("hosts")

// Agents lists agents.
func (s *Store) Agents(ctx context.Context, q neutron.Query) ([]neutron.Agent, error) {
	return list(ctx, s, agents, q)
}

// Agent reads one agent.
func (s *Store) Agent(ctx context.Context, id string) (neutron.Agent, error) {
	return get(ctx, s, agents, id, "")
}

// AgentsOfType are the agents of a type, by host.
func (s *Store) AgentsOfType(ctx context.Context, typ string) ([]neutron.Agent, error) {
	return db.All(ctx, s.q, agents.table.Select("agent_type = ?", typ).OrderBy("host"))
}

// AgentOnHost is the agent of that type on the host; db.ErrNoRow when there is none.
func (s *Store) AgentOnHost(ctx context.Context, typ, host string) (neutron.Agent, error) {
	return db.One(ctx, s.q, agents.table.Select("agent_type = ? AND host = ?", typ, host))
}

// AgentsOn are the agents of a host, by type.
func (s *Store) AgentsOn(ctx context.Context, host string) (map[string]neutron.Agent, error) {
	rows, err := db.All(ctx, s.q, agents.table.Select("host = ?", host))
	if err != nil {
		return nil, fmt.Errorf("agents of a host: %w", err)
	}
	out := make(map[string]neutron.Agent, len(rows))
	for _, a := range rows {
		out[a.AgentType] = a
	}
	return out, nil
}

// SaveAgent writes a new agent or what one reported anew.
func (tx *Tx) SaveAgent(ctx context.Context, a neutron.Agent, fresh bool) error {
	if fresh {
		return agents.table.Insert(ctx, tx.q, a)
	}
	return update(ctx, tx, agents, a, "binary_name", "topic", "started_at", "heartbeat_timestamp", "availability_zone", "configurations")
}

// UpdateAgent writes what an administrator may change.
func (tx *Tx) UpdateAgent(ctx context.Context, a neutron.Agent) error {
	return update(ctx, tx, agents, a, "admin_state_up", "description")
}

// DeleteAgent removes an agent; a live one comes back with its next report.
func (tx *Tx) DeleteAgent(ctx context.Context, id string) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM agents WHERE id = ?", id)
	return err
}

// zonesOf are the availability zones of hosts.
func (s *Store) zonesOf(ctx context.Context, hosts []string) (map[string]string, error) {
	type row struct {
		Host string `bun:"host"`
		Zone string `bun:"availability_zone"`
	}
	hosts = slices.DeleteFunc(distinct(hosts), func(h string) bool { return h == "" || h == neutron.Nowhere })
	rows, err := related[row](ctx, s, hosts, "SELECT host, availability_zone FROM agents WHERE host IN (?) AND availability_zone <> ''")
	if err != nil {
		return nil, fmt.Errorf("availability zones: %w", err)
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.Host] = r.Zone
	}
	return out, nil
}

// Host reads a host; db.ErrNoRow for one that never reported.
func (s *Store) Host(ctx context.Context, host string) (neutron.Host, error) {
	return db.One(ctx, s.q, hostsTable.Select("host = ?", host))
}

// EnsureHost writes a host when it is new.
func (tx *Tx) EnsureHost(ctx context.Context, h neutron.Host) error {
	return hostsTable.InsertMissing(ctx, tx.q, h)
}

// ReportHost notes what a host's agent said about itself.
func (tx *Tx) ReportHost(ctx context.Context, host, tunnelIP string, applied int64, now time.Time) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE hosts SET tunnel_ip = ?, applied = ?, reported_at = ? WHERE host = ?", tunnelIP, applied, now, host)
	return err
}

var rbacPolicies = newKind[neutron.RBACPolicy]("rbac_policy", "rbac_policies", own, nil)

// RBACPolicies lists RBAC policies.
func (s *Store) RBACPolicies(ctx context.Context, q neutron.Query) ([]neutron.RBACPolicy, error) {
	return list(ctx, s, rbacPolicies, q)
}

// RBACPolicy reads one RBAC policy that project may see.
func (s *Store) RBACPolicy(ctx context.Context, id, project string) (neutron.RBACPolicy, error) {
	return get(ctx, s, rbacPolicies, id, project)
}

// FindRBAC is the policy with those values; db.ErrNoRow when there is none.
func (s *Store) FindRBAC(ctx context.Context, p neutron.RBACPolicy) (neutron.RBACPolicy, error) {
	return db.One(ctx, s.q, rbacPolicies.table.Select("object_type = ? AND object_id = ? AND action = ? AND target_project = ?",
		p.ObjectType, p.ObjectID, p.Action, p.TargetProject))
}

// InsertRBAC writes an RBAC policy.
func (tx *Tx) InsertRBAC(ctx context.Context, p neutron.RBACPolicy) error {
	if err := rbacPolicies.table.Insert(ctx, tx.q, p); err != nil {
		return err
	}
	return tx.reviseShared(ctx, p)
}

// UpdateRBAC writes an RBAC policy.
func (tx *Tx) UpdateRBAC(ctx context.Context, p neutron.RBACPolicy) error {
	if err := update(ctx, tx, rbacPolicies, p); err != nil {
		return err
	}
	return tx.reviseShared(ctx, p)
}

// DeleteRBAC removes an RBAC policy.
func (tx *Tx) DeleteRBAC(ctx context.Context, p neutron.RBACPolicy) error {
	if _, err := db.Exec(ctx, tx.q, "DELETE FROM rbac_policies WHERE id = ?", p.ID); err != nil {
		return err
	}
	return tx.reviseShared(ctx, p)
}

// reviseShared counts a change of who may use a network as the network's own.
func (tx *Tx) reviseShared(ctx context.Context, p neutron.RBACPolicy) error {
	if p.ObjectType != "network" {
		return nil
	}
	return tx.ReviseNetwork(ctx, p.ObjectID)
}

// RBACUsers are the projects, beside the owner, with ports on a network.
func (s *Store) RBACUsers(ctx context.Context, networkID, owner string) ([]string, error) {
	return db.Scan[string](ctx, s.q, "SELECT DISTINCT project_id FROM ports WHERE network_id = ? AND project_id <> ? AND project_id <> ''", networkID, owner)
}

// GatewayUsers are the projects with routers on an external network that no
// policy lets them use.
func (s *Store) GatewayUsers(ctx context.Context, networkID string) ([]string, error) {
	return db.Scan[string](ctx, s.q, `SELECT DISTINCT project_id FROM routers WHERE gw_network_id = ? AND NOT EXISTS
		(SELECT 1 FROM rbac_policies p WHERE p.object_type = 'network' AND p.object_id = gw_network_id AND p.action = 'access_as_external'
			AND p.target_project IN ('*', routers.project_id))`, networkID)
}

// IsOpen tells whether anybody has external access to a network.
func (s *Store) IsOpen(ctx context.Context, networkID string) (bool, error) {
	rows, err := db.Scan[int](ctx, s.q, "SELECT 1 FROM rbac_policies WHERE object_type = 'network' AND object_id = ? AND action = 'access_as_external' LIMIT 1", networkID)
	return len(rows) > 0, err
}

// DeleteRBACOf ends an action on a network for everybody.
func (tx *Tx) DeleteRBACOf(ctx context.Context, networkID, action string) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM rbac_policies WHERE object_type = 'network' AND object_id = ? AND action = ?", networkID, action)
	return err
}

var novaEvents = db.Table[neutron.ServerEvent]("nova_events")

// SaveEvent records what nova must be told, in place of an older one of that name.
func (tx *Tx) SaveEvent(ctx context.Context, e neutron.ServerEvent) error {
	return novaEvents.Upsert(ctx, tx.q, e, []string{"port_id", "name"})
}

// DropEvent forgets an event of a port.
func (tx *Tx) DropEvent(ctx context.Context, portID, name string) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM nova_events WHERE port_id = ? AND name = ?", portID, name)
	return err
}

// DueEvents are the events to send at now, oldest first.
func (s *Store) DueEvents(ctx context.Context, now time.Time, limit int) ([]neutron.ServerEvent, error) {
	return db.All(ctx, s.q, novaEvents.Select("next_at <= ?", now).OrderBy("created_at").Limit(limit))
}

// EventSent forgets an event, unless a newer one has taken its place.
func (tx *Tx) EventSent(ctx context.Context, e neutron.ServerEvent) error {
	_, err := db.Exec(ctx, tx.q, "DELETE FROM nova_events WHERE port_id = ? AND name = ? AND created_at = ?", e.PortID, e.Name, e.CreatedAt)
	return err
}

// EventFailed puts an event off until next.
func (tx *Tx) EventFailed(ctx context.Context, e neutron.ServerEvent, next time.Time) error {
	_, err := db.Exec(ctx, tx.q, "UPDATE nova_events SET attempts = attempts + 1, next_at = ? WHERE port_id = ? AND name = ? AND created_at = ?",
		next, e.PortID, e.Name, e.CreatedAt)
	return err
}
