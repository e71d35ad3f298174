package agent

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// reporter gathers what neutron-server should hear and sends it at once, many
// pieces of news in one report. What could not be sent is sent with the next.
type reporter struct {
	agent *Agent
	wake  chan struct{}

	mu       sync.Mutex
	revision int64
	ports    map[string]rpcapi.PortStatus
	routers  map[string]rpcapi.Status
	floating map[string]rpcapi.Status
	dhcp     map[string]rpcapi.Status
	errors   []rpcapi.ObjectError
	own      []rpcapi.PortStatus // of DHCP servers and routers, as the server has heard
	told     ml2.Status          // what the server has heard of routers, floating IPs and DHCP
	heard    map[string]int64    // the revision of the server's view of ports
	known    map[string]known    // what the server has heard of ports
	silent   time.Duration
}

// known is the status of a port that the server heard of after it sent the
// port at a revision. When it sends the port again that says more.
type known struct {
	status string
	after  int64
}

func newReporter(a *Agent) *reporter {
	return &reporter{agent: a, wake: make(chan struct{}, 1), ports: map[string]rpcapi.PortStatus{},
		known:   map[string]known{},
		routers: map[string]rpcapi.Status{}, floating: map[string]rpcapi.Status{}, dhcp: map[string]rpcapi.Status{}}
}

func (r *reporter) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// port takes news of a port.
func (r *reporter) port(s rpcapi.PortStatus) {
	slog.Info("port wiring changed", "port", s.ID, "status", s.Status, "host", r.agent.deps.Host)
	r.mu.Lock()
	r.ports[s.ID] = s
	r.mu.Unlock()
	r.hurry()
}

// applied takes the outcome of a round: of ports what differs from the
// server's view, of all else what differs from what was told before, or
// everything when the state was learned afresh. heard are the revisions that
// the ports came with.
func (r *reporter) applied(state rpcapi.HostState, heard map[string]int64, status ml2.Status, afresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if afresh {
		r.told, r.own = ml2.Status{}, nil
	}
	r.heard = heard
	maps.DeleteFunc(r.known, func(id string, k known) bool { return heard[id] != k.after })
	known := map[string]string{}
	for _, p := range state.Ports {
		known[p.ID] = p.Status
		if k, ok := r.known[p.ID]; ok {
			known[p.ID] = k.status
		}
	}
	news := r.revision != state.Revision || len(status.Errors) > 0 || len(r.errors) > 0
	for _, s := range status.Ports {
		if known[s.ID] != s.Status {
			r.ports[s.ID], news = s, true
		}
	}
	own := servicePorts(state, status)
	for _, s := range own {
		if !slices.Contains(r.own, s) {
			r.ports[s.ID], news = s, true
		}
	}
	news = differing(r.routers, r.told.Routers, status.Routers) || news
	news = differing(r.floating, r.told.FloatingIPs, status.FloatingIPs) || news
	news = differing(r.dhcp, r.told.DHCP, status.DHCP) || news
	r.revision, r.errors, r.told, r.own = state.Revision, status.Errors, status, own
	if news {
		r.hurry()
	}
}

// servicePorts are the statuses of the ports of DHCP servers and routers: they
// fare as what they belong to.
func servicePorts(state rpcapi.HostState, status ml2.Status) []rpcapi.PortStatus {
	var out []rpcapi.PortStatus
	add := func(id string, up bool, owners []rpcapi.Status, owner string) {
		for _, s := range owners {
			if s.ID != owner {
				continue
			}
			p := rpcapi.PortStatus{ID: id, Status: s.Status, Error: s.Error}
			if !up {
				p.Status = rpcapi.StatusDown
			}
			out = append(out, p)
		}
	}
	for _, n := range state.Networks {
		if n.DHCP != nil {
			add(n.DHCP.Port.ID, n.DHCP.Port.AdminStateUp, status.DHCP, n.ID)
		}
	}
	for _, r := range state.Routers {
		for _, i := range r.Interfaces {
			add(i.PortID, i.AdminStateUp, status.Routers, r.ID)
		}
		if r.Gateway != nil {
			add(r.Gateway.PortID, r.Gateway.AdminStateUp, status.Routers, r.ID)
		}
	}
	return out
}

// differing puts into news what is in now and was not in before.
func differing(news map[string]rpcapi.Status, before, now []rpcapi.Status) bool {
	old := make(map[string]rpcapi.Status, len(before))
	for _, s := range before {
		old[s.ID] = s
	}
	found := false
	for _, s := range now {
		if old[s.ID] != s {
			news[s.ID], found = s, true
		}
	}
	return found
}

// send tells the server everything gathered, and that the agent lives.
func (r *reporter) send(ctx context.Context) error {
	report, heard := r.take()
	reply, err := rpcapi.SendReport.Call(ctx, r.agent.deps.Bus, rpcapi.ServerTopic, report)
	if err != nil {
		r.giveBack(report)
		r.silent = min(max(2*r.silent, 250*time.Millisecond), maxRetry)
		time.AfterFunc(r.silent, r.hurry)
		slog.WarnContext(ctx, "report to neutron-server failed", "host", r.agent.deps.Host, "error", err)
		return nil
	}
	r.silent = 0
	r.learn(report, heard)
	if reply.Revision > r.agent.have() {
		r.agent.hurry()
	}
	return nil
}

// learn notes what the server knows of ports now.
func (r *reporter) learn(report rpcapi.Report, heard map[string]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range report.Ports {
		r.known[s.ID] = known{status: s.Status, after: heard[s.ID]}
	}
}

func (r *reporter) take() (rpcapi.Report, map[string]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := rpcapi.Report{Host: r.agent.deps.Host, StartedAt: r.agent.started,
		Agents: r.agent.deps.Driver.Agents(), TunnelIP: r.agent.deps.Driver.TunnelIP(), Revision: r.revision, Errors: r.errors}
	for _, s := range r.ports {
		report.Ports = append(report.Ports, s)
	}
	report.Routers, report.FloatingIPs, report.DHCP = values(r.routers), values(r.floating), values(r.dhcp)
	clear(r.ports)
	clear(r.routers)
	clear(r.floating)
	clear(r.dhcp)
	return report, r.heard
}

func values(m map[string]rpcapi.Status) []rpcapi.Status {
	var all []rpcapi.Status
	for _, s := range m {
		all = append(all, s)
	}
	return all
}

// giveBack keeps what was not heard, unless there is newer news of it.
func (r *reporter) giveBack(report rpcapi.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range report.Ports {
		if _, newer := r.ports[s.ID]; !newer {
			r.ports[s.ID] = s
		}
	}
	for _, lists := range []struct {
		news map[string]rpcapi.Status
		back []rpcapi.Status
	}{{r.routers, report.Routers}, {r.floating, report.FloatingIPs}, {r.dhcp, report.DHCP}} {
		for _, s := range lists.back {
			if _, newer := lists.news[s.ID]; !newer {
				lists.news[s.ID] = s
			}
		}
	}
}
