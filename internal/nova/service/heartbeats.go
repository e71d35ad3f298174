package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// beats are the processes that were heard of and not written down yet. A
// thousand hosts are written once a second, not one by one; what a crash loses
// is heard again with the next beat.
type beats struct {
	mu    sync.Mutex
	heard map[string]map[string]bool // hosts by binary
}

func (b *beats) add(binary, host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard == nil {
		b.heard = map[string]map[string]bool{}
	}
	if b.heard[binary] == nil {
		b.heard[binary] = map[string]bool{}
	}
	b.heard[binary][host] = true
}

func (b *beats) take() map[string]map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.heard
	b.heard = nil
	return heard
}

// beatsAtOnce is how many hosts are written in one statement.
const beatsAtOnce = 500

// writeBeats writes down who was heard of.
func (s *Service) writeBeats(ctx context.Context) error {
	var errs []error
	for binary, set := range s.beats.take() {
		hosts := make([]string, 0, len(set))
		for host := range set {
			hosts = append(hosts, host)
		}
		slices.Sort(hosts)
		for part := range slices.Chunk(hosts, beatsAtOnce) {
			errs = append(errs, s.writeBeatsOf(ctx, binary, part))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) writeBeatsOf(ctx context.Context, binary string, hosts []string) error {
	all, err := s.store.Heartbeats(ctx, binary, hosts)
	if err != nil {
		return fmt.Errorf("heartbeats: %w", err)
	}
	if all {
		return nil
	}
	for _, host := range hosts { // one of them is new
		if err := s.store.Heartbeat(ctx, host, binary); err != nil {
			return fmt.Errorf("heartbeat of %s: %w", host, err)
		}
	}
	return nil
}
