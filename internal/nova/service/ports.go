package service

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// waiters are the flows of this process that wait for a server's ports.
type waiters struct {
	mu sync.Mutex
	by map[string][]chan struct{}
}

// wait gives a channel that is signalled when one of the server's ports changed.
func (w *waiters) wait(serverID string) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[string][]chan struct{}{}
	}
	w.by[serverID] = append(w.by[serverID], ch)
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.by[serverID] = slices.DeleteFunc(w.by[serverID], func(c chan struct{}) bool { return c == ch })
		if len(w.by[serverID]) == 0 {
			delete(w.by, serverID)
		}
	}
}

// signal wakes those who wait for the server.
func (w *waiters) signal(serverID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ch := range w.by[serverID] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// How often Neutron is asked while a port's event may have been lost.
const (
	portPollFirst = 500 * time.Millisecond
	portPollMax   = 5 * time.Second
)

// portsActive returns when all ports of the server are ACTIVE, or a fault when
// one fails or the time is up. Events make it sooner, asking makes it sure.
func (s *Service) portsActive(ctx context.Context, srv nova.Server) error {
	changed, stop := s.plugged.wait(srv.ID)
	defer stop()
	deadline := time.NewTimer(s.cfg.VIFPluggingTimeout)
	defer deadline.Stop()
	for pause := portPollFirst; ; pause = min(2*pause, portPollMax) {
		down, err := s.portsDown(ctx, srv)
		if err != nil {
			return err
		}
		if len(down) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fault.New(500, "Virtual Interface creation failed: port %s did not become ACTIVE within %d seconds.",
				strings.Join(down, ", "), int(s.cfg.VIFPluggingTimeout.Seconds()))
		case <-changed:
			pause = portPollFirst
		case <-time.After(pause):
		}
	}
}

// portsDown lists the ports that are not ACTIVE yet.
func (s *Service) portsDown(ctx context.Context, srv nova.Server) ([]string, error) {
	states, err := s.networks.PortStates(ctx, srv.ID)
	if err != nil {
		return nil, err
	}
	var down []string
	for _, v := range srv.NetworkInfo {
		switch state, ok := states[v.PortID]; {
		case !ok:
			return nil, fault.New(500, "Virtual Interface creation failed: port %s is gone.", v.PortID)
		case state == "ERROR":
			return nil, fault.New(500, "Virtual Interface creation failed: port %s is in ERROR.", v.PortID)
		case state != "ACTIVE":
			down = append(down, v.PortID)
		}
	}
	return down, nil
}
