package service

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
)

// How sets that many hosts hold are told: changes are gathered for a while,
// for every agent hears of them.
const (
	setPause     = 200 * time.Millisecond
	setsTrimming = time.Hour
	setHistory   = 10000 // changes of a set that are kept, at least
)

// setNews gathers the sets that changed until all agents are told.
type setNews struct {
	wake chan struct{}

	mu    sync.Mutex
	dirty map[string]bool

	told map[string]int64 // revisions that this process told; only its loop looks at them
}

func newSetNews() *setNews {
	return &setNews{wake: make(chan struct{}, 1), dirty: map[string]bool{}, told: map[string]int64{}}
}

func (n *setNews) add(ids []string) {
	n.mu.Lock()
	for _, id := range ids {
		n.dirty[id] = true
	}
	n.mu.Unlock()
	if len(ids) > 0 {
		wake(n.wake)
	}
}

func (n *setNews) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := slices.Sorted(maps.Keys(n.dirty))
	clear(n.dirty)
	return ids
}

// tellSets tells all agents what changed in sets. One that misses it asks when
// it hears of the next change, or within a minute.
func (s *Service) tellSets(ctx context.Context) error {
	if s.bus == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(setPause):
	}
	ids := s.news.take()
	revisions, err := s.store.SetRevisions(ctx, ids)
	if err != nil {
		s.news.add(ids)
		return err
	}
	var msg rpcapi.SetsChanged
	for _, id := range ids {
		news := rpcapi.AddressSet{ID: id, Revision: revisions[id], After: revisions[id]} // those who hold it ask
		if told, ok := s.news.told[id]; ok && told <= news.Revision {
			since, err := s.setSince(ctx, id, told, news.Revision)
			if err != nil {
				s.news.add(ids)
				return err
			}
			if since.After != rpcapi.Lacking { // nobody is sent a whole set unasked
				news = since
			}
		}
		msg.Sets = append(msg.Sets, news)
	}
	for _, n := range msg.Sets {
		if s.news.told[n.ID] = n.Revision; n.Revision == 0 {
			delete(s.news.told, n.ID) // it is no more
		}
	}
	if len(msg.Sets) == 0 {
		return nil
	}
	if err := s.bus.Fanout(ctx, rpcapi.AllAgents, rpcapi.TellSets.Name, msg); err != nil {
		slog.DebugContext(ctx, "changes of sets were not sent", "error", err)
	}
	return nil
}

// trimSets forgets old changes.
func (s *Service) trimSets(ctx context.Context) error { return s.store.TrimSets(ctx, setHistory) }

// sets are those of the sets asked about that are newer than what the agent has.
func (s *Service) sets(ctx context.Context, have map[string]int64) ([]rpcapi.AddressSet, error) {
	ids := slices.Sorted(maps.Keys(have))
	revisions, err := s.store.SetRevisions(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("revisions of sets: %w", err)
	}
	var out []rpcapi.AddressSet
	for _, id := range ids {
		if have[id] == revisions[id] {
			continue
		}
		set, err := s.setSince(ctx, id, have[id], revisions[id])
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", id, err)
		}
		out = append(out, set)
	}
	return out, nil
}

// setSince is what changed in a set after a revision, or the whole set when
// that is not known. now was read before.
func (s *Service) setSince(ctx context.Context, id string, after, now int64) (rpcapi.AddressSet, error) {
	out := rpcapi.AddressSet{ID: id, Revision: now, After: rpcapi.Lacking, Elements: map[string]string{}}
	var changed []string // nil: all
	if after >= 0 && after <= now {
		elements, known, err := s.store.SetChangesAfter(ctx, id, after)
		if err != nil {
			return out, err
		}
		if known {
			out.After, changed = after, elements
		}
	}
	if group, ok := strings.CutPrefix(id, neutron.GroupSet); ok {
		members, err := s.store.Members(ctx, group, changed)
		for _, m := range members {
			out.Elements[m] = ""
		}
		if err != nil {
			return out, err
		}
	} else if network, ok := strings.CutPrefix(id, neutron.NetworkSet); ok {
		endpoints, err := s.store.Endpoints(ctx, network, changed)
		for _, e := range endpoints {
			out.Elements[e.Host] = e.Address
		}
		if err != nil {
			return out, err
		}
	}
	for _, e := range changed {
		if _, there := out.Elements[e]; !there {
			out.Gone = append(out.Gone, e)
		}
	}
	return out, nil
}
