package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// hostSet is a set of host names.
type hostSet struct {
	mu    sync.Mutex
	hosts map[string]bool
}

func (h *hostSet) add(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil {
		h.hosts = map[string]bool{}
	}
	h.hosts[host] = true
}

func (h *hostSet) take() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for host := range h.hosts {
		out = append(out, host)
	}
	h.hosts = nil
	return out
}

// wakeSync makes server_sync run soon.
func (s *Service) wakeSync() {
	select {
	case s.synced <- struct{}{}:
	default:
	}
}

// askAgain has a host report once what it said last can be judged.
func (s *Service) askAgain(host string) {
	s.unsettled.add(host)
	time.AfterFunc(s.cfg.SettleTime, s.wakeSync)
}

// stuckAfter is how long a task may go without a flow before it is healed.
const stuckAfter = time.Minute

// syncServers heals servers that are at a task which no flow carries any more,
// and asks hosts again that reported too early.
func (s *Service) syncServers(ctx context.Context) error {
	ctx = asSystem(ctx)
	for _, host := range s.unsettled.take() {
		if err := rpcapi.ReportNow.Cast(ctx, s.bus, rpcapi.ComputeTopic(host), rpcapi.Done{}); err != nil {
			s.log.DebugContext(ctx, "host was not asked to report", "host", host, "error", err)
		}
	}
	stuck, err := s.store.ServersDoing(ctx, s.clock.Now().Add(-stuckAfter))
	if err != nil {
		return fmt.Errorf("list servers at a task: %w", err)
	}
	for _, srv := range stuck {
		if err := s.heal(ctx, srv); err != nil {
			return fmt.Errorf("heal server %s: %w", srv.ID, err)
		}
	}
	return nil
}

// asSystem is the context of work that nobody asked for by an API call.
func asSystem(ctx context.Context) context.Context {
	return auth.WithRequestID(auth.WithCaller(ctx, auth.System("nova")), "req-"+uuid.New())
}

// heal gives a stuck server back a state that leads on.
func (s *Service) heal(ctx context.Context, srv nova.Server) error {
	live, err := s.carried(ctx, srv.ID)
	if err != nil || live {
		return err
	}
	s.log.WarnContext(ctx, "a server was stuck", "server", srv.ID, "vm_state", srv.VMState, "task_state", srv.TaskState)
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Server(ctx, srv.ID)
		if err != nil || now.TaskState != srv.TaskState || now.VMState != srv.VMState {
			return skipMissing(err)
		}
		switch {
		case now.TaskState == nova.Deleting:
			return s.deletes.Start(ctx, tx.Tx, now.ID, serverDelete{ServerID: now.ID})
		case now.VMState == nova.Building:
			now.VMState, now.TaskState = nova.Errored, nova.NoTask
			now.Fault = s.faultOf(fault.New(500, "Build of instance %s aborted: nobody carries it on any more.", now.ID))
			return tx.UpdateServer(ctx, now, "vm_state", "task_state", "fault")
		}
		now.TaskState = nova.NoTask
		tx.AfterCommit(func() { s.askAgain(now.Host) })
		return tx.UpdateServer(ctx, now, "task_state")
	})
}

// carried reports whether any flow of the server lives.
func (s *Service) carried(ctx context.Context, id string) (bool, error) {
	for _, live := range []func(context.Context, db.Q, string) (bool, error){s.creates.Live, s.deletes.Live, s.powers.Live, s.forced.Live, s.rebuilds.Live} {
		if yes, err := live(ctx, s.store.DB(), id); err != nil || yes {
			return yes, err
		}
	}
	return false, nil
}

func skipMissing(err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return nil
	}
	return err
}

// syncHost compares a host's guests with the servers that are meant to be there.
func (s *Service) syncHost(ctx context.Context, host string, guests []rpcapi.GuestState) error {
	ctx = asSystem(ctx)
	rows, err := s.store.HostServers(ctx, host)
	if err != nil {
		return err
	}
	var strangers []rpcapi.GuestState
	seen := map[string]bool{}
	for _, g := range guests {
		seen[g.ID] = true
		i := slices.IndexFunc(rows, func(srv nova.Server) bool { return srv.ID == g.ID })
		if i < 0 {
			strangers = append(strangers, g)
			continue
		}
		if err := s.compare(ctx, rows[i], g.Power); err != nil {
			return err
		}
	}
	for _, srv := range rows {
		if !seen[srv.ID] {
			if err := s.compare(ctx, srv, nova.PowerNone); err != nil {
				return err
			}
		}
	}
	return s.judge(ctx, host, strangers)
}

// syncGuest compares one guest that has just changed.
func (s *Service) syncGuest(ctx context.Context, host string, g rpcapi.GuestState) error {
	ctx = asSystem(ctx)
	srv, err := s.store.ServerState(ctx, g.ID)
	if errors.Is(err, db.ErrNoRow) || err == nil && srv.Host != host {
		return nil // the next complete report judges strangers
	} else if err != nil {
		return err
	}
	return s.compare(ctx, srv, g.Power)
}

// compare brings a server and its guest together: what the row says is what
// should be, unless the guest ended by its own will.
func (s *Service) compare(ctx context.Context, srv nova.Server, power nova.PowerState) error {
	if srv.TaskState != nova.NoTask || srv.LaunchedAt == nil {
		return nil // a flow is at it
	}
	if power == srv.PowerState && agrees(srv.VMState, power) {
		return nil
	}
	if s.clock.Now().Sub(srv.Changed()) < s.cfg.SettleTime {
		s.askAgain(srv.Host)
		return nil
	}
	if agrees(srv.VMState, power) {
		return s.store.SetPower(ctx, srv.ID, power)
	}
	switch {
	case srv.VMState == nova.Active && (power == nova.PowerNone || power == nova.PowerCrashed):
		return s.recover(ctx, srv, nova.Restart, rpcapi.PowerStart)
	case srv.VMState == nova.Active && power == nova.PowerShutdown:
		return s.ended(ctx, srv)
	case srv.VMState == nova.Stopped && power == nova.PowerRunning:
		stop := nova.Stop
		stop.From = []nova.VMState{nova.Stopped}
		return s.recover(ctx, srv, stop, rpcapi.PowerStop)
	case srv.VMState == nova.Paused:
		return s.ended(ctx, srv) // a paused guest's memory is gone
	}
	return s.store.SetPower(ctx, srv.ID, power)
}

// agrees reports whether a guest is as its server's vm_state says.
func agrees(vm nova.VMState, power nova.PowerState) bool {
	switch vm {
	case nova.Active:
		return power == nova.PowerRunning || power == nova.PowerPaused
	case nova.Stopped:
		return power == nova.PowerShutdown || power == nova.PowerCrashed || power == nova.PowerNone
	case nova.Paused:
		return power == nova.PowerPaused || power == nova.PowerRunning
	}
	return true
}

// recover starts a flow that brings a guest to where its server says it is.
func (s *Service) recover(ctx context.Context, srv nova.Server, t nova.Transition, verb rpcapi.PowerVerb) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetTask(ctx, srv.ID, store.Expect{VM: t.From, Tasks: t.Tasks}, t.Task); err != nil {
			return err
		}
		if err := tx.BeginAction(ctx, srv.ID, string(t.Verb)); err != nil {
			return err
		}
		return s.powers.Start(ctx, tx.Tx, srv.ID, serverPower{ServerID: srv.ID, Verb: verb, Change: t})
	})
	if errors.Is(err, nova.ErrStateChanged) || errors.Is(err, db.ErrDuplicate) {
		return nil
	}
	if err == nil {
		s.log.WarnContext(ctx, "a guest is brought back to its server's state", "server", srv.ID, "host", srv.Host, "vm_state", srv.VMState, "verb", verb)
	}
	return err
}

// ended records that a guest shut itself down.
func (s *Service) ended(ctx context.Context, srv nova.Server) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Server(ctx, srv.ID)
		if err != nil || now.TaskState != nova.NoTask || now.VMState != srv.VMState {
			return skipMissing(err)
		}
		if err := tx.BeginAction(ctx, srv.ID, string(nova.VerbStop)); err != nil {
			return err
		}
		now.VMState, now.PowerState = nova.Stopped, nova.PowerShutdown
		s.notifyLater(ctx, tx, "compute.instance.power_off.end", now)
		return tx.UpdateServer(ctx, now, "vm_state", "power_state")
	})
	if err == nil {
		s.log.InfoContext(ctx, "a guest ended by itself", "server", srv.ID, "host", srv.Host)
	}
	return err
}

// judge decides about guests that no server of the host accounts for: those of
// deleted servers, and of builds that failed, are removed; others are listed.
func (s *Service) judge(ctx context.Context, host string, strangers []rpcapi.GuestState) error {
	var orphans []nova.OrphanGuest
	for _, g := range strangers {
		srv, err := s.store.AnyServer(ctx, g.ID)
		if err != nil && !errors.Is(err, db.ErrNoRow) {
			return err
		}
		o := nova.OrphanGuest{GuestID: g.ID, GuestName: g.Name}
		switch {
		case errors.Is(err, db.ErrNoRow) && g.Ours:
			o.Reason = "no server has this ID"
		case errors.Is(err, db.ErrNoRow):
			o.Reason = "not made by this cloud"
		case !srv.Deleted() && (srv.VMState == nova.Building || srv.TaskState != nova.NoTask):
			continue // it may be on its way here
		case srv.Deleted() || srv.Host == "" && srv.LaunchedAt == nil:
			s.log.WarnContext(ctx, "a guest that is left over is removed", "server", g.ID, "host", host)
			if err := s.destroyOn(ctx, g.ID, host); err != nil {
				o.Reason = "left over; removing it failed"
				break
			}
			continue
		default:
			o.Reason = "the server is meant to be on host " + srv.Host
		}
		orphans = append(orphans, o)
	}
	return s.store.SetOrphans(ctx, host, orphans)
}

// Orphans lists the guests that no server accounts for, for operators.
func (s *Service) Orphans(ctx context.Context) ([]nova.OrphanGuest, error) {
	return s.store.Orphans(ctx)
}
