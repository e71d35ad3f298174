package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/scheduler"
	"nacre/internal/nova/store"
)

// offerLife is how long hosts are ranked by what was read of them. Reading it
// costs more the more hosts there are, and servers come by the hundred. Nothing
// is decided by it: the claim decides about room, and whether the best hosts
// may and can be used is asked each time.
const offerLife = time.Second

// offer is what Placement offered for a certain claim, as hosts.
type offer struct {
	at         time.Time
	aggregates []nova.Aggregate
	known      []store.HostState
	candidates []nova.Candidate

	mu    sync.Mutex
	hosts []scheduler.Host
	index map[string]int // in hosts, by provider
}

// offers are those of the last moment, by what was asked.
type offers struct {
	mu   sync.Mutex
	asks map[string]*asked
}

// asked is one claim that is asked about, by one flow at a time.
type asked struct {
	mu   sync.Mutex
	last *offer
}

func (o *offers) of(ask nova.ClaimRequest) *asked {
	key := fmt.Sprint(ask)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asks[key] == nil {
		if o.asks == nil || len(o.asks) >= maxOffers {
			o.asks = map[string]*asked{}
		}
		o.asks[key] = &asked{}
	}
	return o.asks[key]
}

// maxOffers bounds the claims that are remembered.
const maxOffers = 64

// offer asks Placement which hosts could take the claim, or gives the answer of
// a moment ago.
func (s *Service) offer(ctx context.Context, ask nova.ClaimRequest, fresh bool) (*offer, error) {
	aggregates, err := s.store.Aggregates(ctx)
	if err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	began := s.clock.Now()
	a := s.offers.of(ask)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last != nil {
		since := began
		if !fresh {
			since = began.Add(-offerLife)
		}
		if a.last.at.After(since) && reflect.DeepEqual(a.last.aggregates, aggregates) {
			return a.last, nil
		}
	}
	a.last = nil
	o := &offer{at: s.clock.Now(), aggregates: aggregates}
	if o.candidates, err = s.claims.Candidates(ctx, ask); err != nil {
		return nil, fmt.Errorf("candidates: %w", err)
	}
	if o.known, err = s.store.HostStates(ctx); err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	s.describe(o)
	a.last = o
	return o, nil
}

// describe makes hosts of the candidates.
func (s *Service) describe(o *offer) {
	byProvider := make(map[string]store.HostState, len(o.known))
	for _, k := range o.known {
		byProvider[k.Node.ID] = k
	}
	zones, now := nova.Zones(o.aggregates), s.clock.Now()
	o.index = make(map[string]int, len(o.candidates))
	for _, c := range o.candidates {
		k, ok := byProvider[c.ProviderID]
		if !ok {
			continue // a provider that is no compute node of ours
		}
		h := scheduler.Host{Name: k.Node.Host, Node: k.Node.Hostname, ProviderID: c.ProviderID, Type: k.Node.Type, Zone: zones[k.Node.Host],
			Up: k.Service.Up(now), Disabled: k.Service.Disabled, Capacity: c.Capacity, WaitsForPorts: k.Node.WaitsForPorts}
		if h.Zone == "" {
			h.Zone = s.cfg.DefaultZone
		}
		if k.Service.DisabledReason != nil {
			h.Reason = *k.Service.DisabledReason
		}
		o.index[c.ProviderID] = len(o.hosts)
		o.hosts = append(o.hosts, h)
	}
}

// rank chooses the best hosts of an offer.
func (o *offer) rank(req scheduler.Request) ([]scheduler.Host, scheduler.Account) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ranked, account := scheduler.Rank(req, o.hosts, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	account.Hosts = len(o.known)
	return ranked, account
}

// take counts a claim on a host, so that the next server goes elsewhere.
func (o *offer) take(providerID string, r nova.Resources) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i, ok := o.index[providerID]
	if !ok {
		return
	}
	for class, n := range r {
		c := o.hosts[i].Capacity[class]
		c.Used += n
		o.hosts[i].Capacity[class] = c
	}
}

// claimed counts a claim in the offers of a moment ago.
func (s *Service) claimed(ask nova.ClaimRequest, providerID string) {
	a := s.offers.of(ask)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last != nil {
		a.last.take(providerID, ask.Resources)
	}
}

// usable asks whether the best hosts are there at all and may be used as they were a moment ago.
func (s *Service) usable(ctx context.Context, req scheduler.Request, ranked []scheduler.Host) (bool, error) {
	if len(ranked) == 0 {
		return false, nil
	}
	var names []string
	for _, h := range ranked[:min(len(ranked), alternates+1)] {
		names = append(names, h.Name)
	}
	procs, err := s.store.ComputeServices(ctx, names)
	if err != nil {
		return false, fmt.Errorf("processes of hosts: %w", err)
	}
	now := s.clock.Now()
	up := map[string]bool{}
	for _, p := range procs {
		up[p.Host] = req.Force || p.Up(now) && !p.Disabled
	}
	for _, name := range names {
		if !up[name] {
			return false, nil
		}
	}
	return true, nil
}
