package service

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/scheduler"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// carriedRefusals bounds what a successful attempt tells of the hosts it did not take.
const carriedRefusals = 20

// alternates is how many hosts a flow keeps beside the best.
const alternates = 4

// chooseHost ranks the hosts that Placement offers. The account of an attempt
// in vain is kept for the operator.
func (s *Service) chooseHost(ctx context.Context, st *serverCreate) error {
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	ask := claimRequest(srv)
	candidates, err := s.claims.Candidates(ctx, ask)
	if err != nil {
		return fmt.Errorf("candidates: %w", err)
	}
	known, err := s.store.HostStates(ctx)
	if err != nil {
		return fmt.Errorf("list hosts: %w", err)
	}
	req, err := s.schedulerRequest(ctx, srv, st.Tried)
	if err != nil {
		return err
	}
	hosts, err := s.offered(ctx, candidates, known)
	if err != nil {
		return err
	}
	ranked, account := scheduler.Rank(req, hosts, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	account.Hosts = len(known)
	st.Places = st.Places[:0]
	waits := map[string]bool{}
	for _, k := range known {
		waits[k.Node.ID] = k.Node.WaitsForPorts
	}
	for _, h := range ranked[:min(len(ranked), alternates+1)] {
		st.Places = append(st.Places, place{Host: h.Name, Node: h.Node, ProviderID: h.ProviderID, Zone: h.Zone, Waits: waits[h.ProviderID]})
	}
	if len(ranked) > 0 {
		account.Refusals = account.Refusals[:min(len(account.Refusals), carriedRefusals)]
		st.Account = &account
		return nil
	}
	s.explainShortage(ctx, &account, ask, known, candidates)
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.RecordAccount(ctx, srv.ID, "", account) })
	if err != nil {
		s.log.WarnContext(ctx, "scheduling account was not kept", "server", srv.ID, "error", err)
	}
	return s.noValidHost(ctx, srv, tenantReason(srv, req, ask, account))
}

// noValidHost is the original's sentence and which wish was not met.
func (s *Service) noValidHost(ctx context.Context, srv nova.Server, reason string) error {
	s.log.WarnContext(ctx, "no valid host", "server", srv.ID, "reason", reason)
	return flow.Permanent(fault.New(500, "No valid host was found. %s", reason))
}

func (s *Service) schedulerRequest(ctx context.Context, srv nova.Server, tried []string) (scheduler.Request, error) {
	w := srv.Wishes
	req := scheduler.Request{Zone: w.Zone, Host: w.Host, Node: w.Node, Force: w.ForceHost, Hints: w.Hints, Avoid: tried,
		Resources: resources(srv.Flavor)}
	ids := scheduler.Hinted(w.Hints)
	if len(ids) == 0 {
		return req, nil
	}
	var err error
	if req.HostOf, err = s.store.ServerPlaces(ctx, ids); err != nil {
		return req, fmt.Errorf("hosts of hinted servers: %w", err)
	}
	return req, nil
}

// offered are Placement's candidates as hosts.
func (s *Service) offered(ctx context.Context, candidates []nova.Candidate, known []store.HostState) ([]scheduler.Host, error) {
	aggregates, err := s.store.Aggregates(ctx)
	if err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	byProvider := make(map[string]store.HostState, len(known))
	for _, k := range known {
		byProvider[k.Node.ID] = k
	}
	now := s.clock.Now()
	var out []scheduler.Host
	for _, c := range candidates {
		k, ok := byProvider[c.ProviderID]
		if !ok {
			continue // a provider that is no compute node of ours
		}
		h := scheduler.Host{Name: k.Node.Host, Node: k.Node.Hostname, ProviderID: c.ProviderID, Type: k.Node.Type,
			Zone: s.zoneOf(k.Node.Host, aggregates), Up: k.Service.Up(now), Disabled: k.Service.Disabled, Capacity: c.Capacity}
		if k.Service.DisabledReason != nil {
			h.Reason = *k.Service.DisabledReason
		}
		out = append(out, h)
	}
	return out, nil
}

// explained bounds for how many hosts Placement is asked what they lack.
const explained = 50

// explainShortage adds to the account what the hosts lack that Placement did not offer.
func (s *Service) explainShortage(ctx context.Context, a *scheduler.Account, ask nova.ClaimRequest, known []store.HostState, offered []nova.Candidate) {
	asked := 0
	for _, k := range known {
		if slices.ContainsFunc(offered, func(c nova.Candidate) bool { return c.ProviderID == k.Node.ID }) {
			continue
		}
		if asked++; asked > explained {
			a.Truncated = true
			return
		}
		has, err := s.claims.Capacity(ctx, k.Node.ID)
		if err != nil {
			a.Refuse(scheduler.Refusal{Host: k.Node.Host, Check: "placement", Wanted: "an inventory", Had: err.Error()})
			continue
		}
		a.Refuse(shortage(k.Node.Host, ask, has))
	}
}

// shortage is the first resource that a host lacks.
func shortage(host string, ask nova.ClaimRequest, has map[string]nova.Capacity) scheduler.Refusal {
	for _, class := range slices.Sorted(maps.Keys(ask.Resources)) {
		want, c := ask.Resources[class], has[class]
		had := fmt.Sprintf("%d free of %d", c.Free(), c.Limit())
		if c.MaxUnit > 0 && want > c.MaxUnit {
			return scheduler.Refusal{Host: host, Check: class, Wanted: strconv.Itoa(want), Had: fmt.Sprintf("at most %d at once", c.MaxUnit)}
		}
		if want > c.Free() {
			return scheduler.Refusal{Host: host, Check: class, Wanted: strconv.Itoa(want), Had: had}
		}
	}
	return scheduler.Refusal{Host: host, Check: "traits", Wanted: strings.Join(ask.Required, ", "), Had: "not all of them, or a forbidden one"}
}

// tenantReason names the tenant's own wish that was not met, without telling of hosts.
func tenantReason(srv nova.Server, req scheduler.Request, ask nova.ClaimRequest, a scheduler.Account) string {
	units := map[string]string{nova.ClassVCPU: "VCPUs", nova.ClassMemory: "MB of memory", nova.ClassDisk: "GB of disk"}
	lacking := map[string]int{}
	for _, r := range a.Refusals {
		lacking[r.Check]++
	}
	for _, class := range slices.Sorted(maps.Keys(ask.Resources)) {
		if a.Offered == 0 && a.Hosts > 0 && lacking[class] == a.Hosts {
			unit := units[class]
			if unit == "" {
				unit = "of " + class
			}
			return fmt.Sprintf("No host has %d %s for it now.", ask.Resources[class], unit)
		}
	}
	switch {
	case a.Offered == 0 && a.Hosts > 0:
		return "No host has room for the flavor " + srv.Flavor.Name + " now."
	case lacking["availability_zone"] > 0:
		return fmt.Sprintf("There are not enough hosts available in the availability zone %s.", req.Zone)
	case lacking["same_host"]+lacking["different_host"] > 0:
		return "There are not enough hosts available that meet the scheduler hints."
	}
	return "There are not enough hosts available."
}

// resources is what a flavor needs of one host. "resources:CLASS" extra specs
// override what the flavor's own numbers say.
func resources(f nova.Flavor) nova.Resources {
	r := nova.Resources{nova.ClassVCPU: f.VCPUs, nova.ClassMemory: f.MemoryMB,
		nova.ClassDisk: f.RootGB + f.EphemeralGB + (f.SwapMB+1023)/1024}
	for key, value := range f.ExtraSpecs {
		if class, ok := strings.CutPrefix(key, "resources:"); ok {
			if n, err := strconv.Atoi(value); err == nil {
				r[class] = n
			}
		}
	}
	for class, n := range r {
		if n <= 0 {
			delete(r, class)
		}
	}
	return r
}

// claimRequest is what Placement is asked for a server.
func claimRequest(srv nova.Server) nova.ClaimRequest {
	ask := nova.ClaimRequest{Resources: resources(srv.Flavor), Limit: 1000}
	wishes := maps.Clone(srv.Flavor.ExtraSpecs)
	if wishes == nil {
		wishes = map[string]string{}
	}
	maps.Copy(wishes, srv.ImageMeta)
	for key, value := range wishes {
		trait, ok := strings.CutPrefix(key, "trait:")
		switch {
		case ok && value == "required":
			ask.Required = append(ask.Required, trait)
		case ok && value == "forbidden":
			ask.Forbidden = append(ask.Forbidden, trait)
		}
	}
	slices.Sort(ask.Required)
	slices.Sort(ask.Forbidden)
	return ask
}

// Explain is the operator's account of the attempts to place a server, newest first.
func (s *Service) Explain(ctx context.Context, serverID string) ([]store.SchedulingAccount, error) {
	return s.store.Accounts(ctx, serverID)
}
