package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// agentDownAfter is how long an agent may be silent.
const agentDownAfter = rpcapi.AgentDownAfter

// Agents lists agents.
func (s *Service) Agents(ctx context.Context, q neutron.Query) ([]neutron.Agent, error) {
	alive := q.Values("alive")
	q.Filters = slices.DeleteFunc(slices.Clone(q.Filters), func(f neutron.Filter) bool { return f.Attr == "alive" })
	rows, err := s.store.Agents(ctx, q)
	for i := range rows {
		rows[i].Alive = s.alive(rows[i])
	}
	if alive != nil {
		rows = slices.DeleteFunc(rows, func(a neutron.Agent) bool { return !slices.Contains(alive, any(a.Alive)) })
	}
	return rows, err
}

// Agent finds an agent.
func (s *Service) Agent(ctx context.Context, id string) (neutron.Agent, error) {
	a, err := s.store.Agent(ctx, id)
	a.Alive = s.alive(a)
	return a, err
}

// UpdateAgent changes what an administrator may change of an agent.
func (s *Service) UpdateAgent(ctx context.Context, id string, r neutron.AgentRequest) (a neutron.Agent, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if a, err = tx.Agent(ctx, id); err != nil {
			return err
		}
		r.AdminStateUp.To(&a.AdminStateUp)
		r.Description.To(&a.Description)
		tx.AfterCommit(func() { wake(s.wakePlan) })
		return tx.UpdateAgent(ctx, a)
	})
	a.Alive = s.alive(a)
	return a, err
}

// DeleteAgent removes an agent; a live one comes back with its next report.
func (s *Service) DeleteAgent(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Agent(ctx, id); err != nil {
			return err
		}
		return tx.DeleteAgent(ctx, id)
	})
}

// AvailabilityZones are the zones of agents that serve networks and routers.
func (s *Service) AvailabilityZones(ctx context.Context) ([]neutron.AvailabilityZone, error) {
	return s.zones(ctx, s.store)
}

func (s *Service) zones(ctx context.Context, st *store.Store) ([]neutron.AvailabilityZone, error) {
	var out []neutron.AvailabilityZone
	for _, k := range []struct{ resource, agent string }{{neutron.AZRouter, rpcapi.AgentL3}, {neutron.AZNetwork, rpcapi.AgentDHCP}} {
		agents, err := st.AgentsOfType(ctx, k.agent)
		if err != nil {
			return nil, err
		}
		for _, a := range agents {
			i := slices.IndexFunc(out, func(z neutron.AvailabilityZone) bool {
				return z.Resource == k.resource && z.Name == a.AvailabilityZone
			})
			if i < 0 {
				i = len(out)
				out = append(out, neutron.AvailabilityZone{Name: a.AvailabilityZone, Resource: k.resource, State: "unavailable"})
			}
			if a.AdminStateUp {
				out[i].State = "available"
			}
		}
	}
	return out, nil
}

// checkZones refuses hints that name no zone.
func (s *Service) checkZones(ctx context.Context, tx *store.Tx, hints []string, resource string) error {
	if len(hints) == 0 {
		return nil
	}
	zones, err := s.zones(ctx, tx.Store)
	if err != nil {
		return err
	}
	for _, h := range hints {
		if !slices.ContainsFunc(zones, func(z neutron.AvailabilityZone) bool { return z.Name == h && z.Resource == resource }) {
			return fault.NotFound("AvailabilityZone %s could not be found.", h).As("AvailabilityZoneNotFound")
		}
	}
	return nil
}

// pickHost chooses a live agent for an object, always the same one of the same
// agents; "" when there is none.
func (s *Service) pickHost(ctx context.Context, st *store.Store, agentType, id string, zones []string) (string, error) {
	agents, err := st.AgentsOfType(ctx, agentType)
	if err != nil {
		return "", err
	}
	best, weight := "", uint64(0)
	for _, a := range agents {
		if !a.AdminStateUp || !s.alive(a) || len(zones) > 0 && !slices.Contains(zones, a.AvailabilityZone) {
			continue
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(id + "\x00" + a.Host))
		if w := h.Sum64(); best == "" || w > weight {
			best, weight = a.Host, w
		}
	}
	return best, nil
}

// usable tells whether the agent of a type on a host may keep what it has.
func (s *Service) usable(ctx context.Context, st *store.Store, agentType, host string) (bool, error) {
	a, err := st.AgentOnHost(ctx, agentType, host)
	if errors.Is(err, db.ErrNoRow) {
		return false, nil
	}
	return err == nil && a.AdminStateUp && s.alive(a), err
}

// Report takes what the agent of a host says.
func (s *Service) Report(ctx context.Context, r rpcapi.Report) (reply rpcapi.ReportReply, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		h, err := s.saveHost(ctx, tx, r)
		if err != nil {
			return err
		}
		reply.Revision = h.Revision
		return s.saveStatuses(ctx, tx, r)
	})
	return reply, err
}

// heartbeatKept is how old what is known of a host may become before a report
// that says nothing new is written down.
const heartbeatKept = 10 * time.Second

// saveHost writes the host and its agents, as far as they changed; one that is
// new, or came back, may be given work.
func (s *Service) saveHost(ctx context.Context, tx *store.Tx, r rpcapi.Report) (neutron.Host, error) {
	now := s.clock.Now()
	h, err := tx.Host(ctx, r.Host)
	if errors.Is(err, db.ErrNoRow) {
		h = neutron.Host{Host: r.Host, Revision: 1, ReportedAt: time.Unix(0, 0).UTC()}
		err = tx.EnsureHost(ctx, h)
	}
	if err != nil {
		return h, err
	}
	if h.TunnelIP != r.TunnelIP {
		if err := tx.TouchTunnel(ctx, r.Host); err != nil {
			return h, err
		}
	}
	if now.Sub(h.ReportedAt) > agentDownAfter {
		tx.AfterCommit(func() { wake(s.wakePlan) })
	}
	if err := s.saveAgents(ctx, tx, r, now); err != nil {
		return h, err
	}
	if h.Applied < r.Revision {
		if err := tx.ForgetChanges(ctx, r.Host, r.Revision); err != nil {
			return h, err
		}
	}
	if h.TunnelIP == r.TunnelIP && h.Applied == r.Revision && now.Sub(h.ReportedAt) < heartbeatKept {
		return h, nil
	}
	return h, tx.ReportHost(ctx, r.Host, r.TunnelIP, r.Revision, now)
}

func (s *Service) saveAgents(ctx context.Context, tx *store.Tx, r rpcapi.Report, now time.Time) error {
	known, err := tx.AgentsOn(ctx, r.Host)
	if err != nil {
		return err
	}
	for _, a := range r.Agents {
		agent := s.agentOf(r, a, now)
		had, ok := known[a.Type]
		if ok && now.Sub(had.HeartbeatAt) < heartbeatKept && sameAgent(had, agent) {
			continue
		}
		if ok {
			agent.ID = had.ID
		}
		if err := tx.SaveAgent(ctx, agent, !ok); err != nil {
			return err
		}
	}
	return nil
}

// sameAgent tells whether an agent says of itself what is known.
func sameAgent(a, b neutron.Agent) bool {
	x, _ := json.Marshal(a.Configurations)
	y, _ := json.Marshal(b.Configurations)
	return a.Binary == b.Binary && a.StartedAt.Equal(b.StartedAt) && a.AvailabilityZone == b.AvailabilityZone && bytes.Equal(x, y)
}

func (s *Service) agentOf(r rpcapi.Report, a rpcapi.Agent, now time.Time) neutron.Agent {
	zone := a.AvailabilityZone
	if zone == "" && a.Type != rpcapi.AgentMetadata {
		zone = s.cfg.DefaultZone
	}
	conf := a.Configurations
	if conf == nil {
		conf = map[string]any{}
	}
	started := r.StartedAt.UTC().Truncate(time.Microsecond)
	if started.IsZero() {
		started = now
	}
	return neutron.Agent{ID: newID(), AgentType: a.Type, Binary: a.Binary, Topic: topics[a.Type], Host: r.Host, AdminStateUp: true,
		CreatedAt: now, StartedAt: started, HeartbeatAt: now, AvailabilityZone: zone, Configurations: conf}
}

// topics are the words of the original for where agents listen.
var topics = map[string]string{rpcapi.AgentL2: "N/A", rpcapi.AgentDHCP: "dhcp_agent", rpcapi.AgentL3: "l3_agent", rpcapi.AgentMetadata: "N/A"}

func (s *Service) saveStatuses(ctx context.Context, tx *store.Tx, r rpcapi.Report) error {
	if err := s.savePortStatuses(ctx, tx, r); err != nil {
		return err
	}
	for _, st := range r.Routers {
		if err := tx.SetRouterStatus(ctx, st.ID, st.Status); err != nil {
			return err
		}
	}
	for _, st := range r.FloatingIPs {
		if err := tx.SetFloatingIPStatus(ctx, st.ID, st.Status); err != nil {
			return err
		}
	}
	return nil
}

// savePortStatuses believes a host only about the ports that are bound to it.
func (s *Service) savePortStatuses(ctx context.Context, tx *store.Tx, r rpcapi.Report) error {
	if len(r.Ports) == 0 {
		return nil
	}
	ids := make([]string, len(r.Ports))
	for i, st := range r.Ports {
		ids[i] = st.ID
	}
	ports, err := tx.PortsOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, st := range r.Ports {
		p, ok := ports[st.ID]
		if !ok || p.HostID != r.Host {
			continue
		}
		changed, err := tx.SetPortStatus(ctx, p.ID, st.Status)
		if err != nil {
			return err
		}
		if changed && p.OfCompute() {
			if err := s.tellWired(ctx, tx, p, st.Status); err != nil {
				return err
			}
		}
	}
	return nil
}
