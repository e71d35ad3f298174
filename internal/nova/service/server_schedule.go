package service

import (
	"context"
	"fmt"
	"maps"
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
	return s.place(ctx, st, false)
}

// place finds hosts for a server: by what was read of them a moment ago, unless
// fresh is set, or that leads nowhere.
func (s *Service) place(ctx context.Context, st *serverCreate, fresh bool) error {
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	req, err := s.schedulerRequest(ctx, srv, st.Tried)
	if err != nil {
		return err
	}
	ask := claimRequest(srv)
	o, err := s.offer(ctx, ask, fresh)
	if err != nil {
		return err
	}
	ranked, account := o.rank(req)
	if !fresh {
		ok, err := s.usable(ctx, req, ranked)
		if err != nil {
			return err
		} else if !ok {
			return s.place(ctx, st, true)
		}
	}
	st.Places = st.Places[:0]
	for _, h := range ranked[:min(len(ranked), alternates+1)] {
		st.Places = append(st.Places, place{Host: h.Name, Node: h.Node, ProviderID: h.ProviderID, Zone: h.Zone, Waits: h.WaitsForPorts})
	}
	if len(ranked) > 0 {
		account.Refusals = account.Refusals[:min(len(account.Refusals), carriedRefusals)]
		st.Account = &account
		return nil
	}
	s.explainShortage(ctx, &account, ask, o.known, o.candidates)
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
