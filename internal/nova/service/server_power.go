package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/messaging"
)

// serverPower is the state of the flow that changes a server's power.
type serverPower struct {
	ServerID string           `json:"server_id"`
	Verb     rpcapi.PowerVerb `json:"verb"`
	Change   nova.Transition  `json:"change"`
	Power    nova.PowerState  `json:"power"`
	EventID  string           `json:"event_id,omitempty"`
}

// StartServer boots a stopped server.
func (s *Service) StartServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Start, rpcapi.PowerStart)
}

// StopServer shuts a server down; its guest gets a while to end by itself.
func (s *Service) StopServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Stop, rpcapi.PowerStop)
}

// RebootServer restarts a server: softly, by asking the guest, or hard.
func (s *Service) RebootServer(ctx context.Context, srv nova.Server, hard bool) error {
	if hard {
		return s.changePower(ctx, srv, nova.RebootHard, rpcapi.PowerRebootHard)
	}
	return s.changePower(ctx, srv, nova.RebootSoft, rpcapi.PowerRebootSoft)
}

// PauseServer stops a server's processors.
func (s *Service) PauseServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Pause, rpcapi.PowerPause)
}

// UnpauseServer lets them run again.
func (s *Service) UnpauseServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Unpause, rpcapi.PowerUnpause)
}

// SuspendServer saves a server to disk.
func (s *Service) SuspendServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Suspend, rpcapi.PowerSuspend)
}

// ResumeServer continues a suspended server.
func (s *Service) ResumeServer(ctx context.Context, srv nova.Server) error {
	return s.changePower(ctx, srv, nova.Resume, rpcapi.PowerResume)
}

// changePower checks that the server allows t now and starts its flow.
func (s *Service) changePower(ctx context.Context, srv nova.Server, t nova.Transition, verb rpcapi.PowerVerb) error {
	if err := s.checkLock(ctx, srv); err != nil {
		return err
	}
	if srv.Host == "" {
		return fault.Conflict("Instance %s is not ready", srv.ID)
	}
	if err := refusal(srv, string(t.Verb), t.From, t.Tasks, true); err != nil {
		return err
	}
	err := s.onceIdle(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetTask(ctx, srv.ID, store.Expect{VM: t.From, Tasks: t.Tasks}, t.Task); err != nil {
			return err
		}
		if err := tx.BeginAction(ctx, srv.ID, string(t.Verb)); err != nil {
			return fmt.Errorf("record action: %w", err)
		}
		return s.startPower(ctx, tx, serverPower{ServerID: srv.ID, Verb: verb, Change: t})
	})
	if errors.Is(err, nova.ErrStateChanged) || errors.Is(err, db.ErrDuplicate) {
		return s.stateChanged(ctx, srv, t)
	} else if err != nil {
		return fmt.Errorf("%s server: %w", t.Verb, err)
	}
	s.wakeConductor(ctx)
	return nil
}

// How often a call looks for the end of the server's last flow, and the pause between: some seconds, but never those in
// which the process stood still and the flow with it.
const (
	idleLooks = 1000
	idlePoll  = 5 * time.Millisecond
)

// onceIdle runs a transaction that starts a flow, again while the one before is not over: its last step has already
// told the client that the server is ready for more.
func (s *Service) onceIdle(ctx context.Context, start func(ctx context.Context, tx *store.Tx) error) error {
	for look := 1; ; look++ {
		err := s.store.Tx(ctx, start)
		if !errors.Is(err, db.ErrDuplicate) || look == idleLooks {
			return err
		}
		if err := pause(ctx, idlePoll); err != nil {
			return err
		}
	}
}

// startPower begins the flow; a hard reboot ends what else is going on.
func (s *Service) startPower(ctx context.Context, tx *store.Tx, st serverPower) error {
	if st.Verb != rpcapi.PowerRebootHard {
		return s.powers.Start(ctx, tx.Tx, st.ServerID, st)
	}
	if err := s.powers.Cancel(ctx, tx.Tx, st.ServerID, "a hard reboot was asked for"); err != nil {
		return err
	}
	return s.forced.Start(ctx, tx.Tx, st.ServerID, st)
}

// stateChanged words the refusal by the state that the server is in now.
func (s *Service) stateChanged(ctx context.Context, srv nova.Server, t nova.Transition) error {
	now, err := s.store.BareServer(ctx, srv.ID)
	if err != nil {
		return notFound(err, srv.ID)
	}
	if err := refusal(now, string(t.Verb), t.From, t.Tasks, true); err != nil {
		return err
	}
	return cannot(string(t.Verb), srv.ID, "task_state", string(t.Task))
}

// refusal is the 409 for a server whose states do not allow a verb, or nil.
func refusal(srv nova.Server, verb string, from []nova.VMState, tasks []nova.TaskState, launched bool) error {
	attr, value := nova.Refusal(srv, from, tasks, launched)
	if attr == "" {
		return nil
	}
	return cannot(verb, srv.ID, attr, value)
}

func cannot(verb, id, attr, value string) error {
	return fault.Conflict("Cannot '%s' instance %s while it is in %s %s", verb, id, attr, value)
}

func (s *Service) powerFlow(name string) flow.Flow[serverPower] {
	return flow.Flow[serverPower]{Name: name,
		Steps: []flow.Step[serverPower]{
			{Name: "power", Do: s.power, Timeout: 10 * time.Minute},
			{Name: "settle", Do: s.settlePower},
		},
		Failed: s.unsettlePower,
	}
}

// hostAttempts is how often a host that nobody answers for is asked again, for half a minute in all.
const hostAttempts = 5

// awaitHost has the step run again while nobody answers for its host: that may be starting.
func awaitHost(ctx context.Context, err error) error {
	if errors.Is(err, messaging.ErrNobody) && flow.Attempt(ctx) < hostAttempts {
		return flow.Retry(err, time.Second<<flow.Attempt(ctx))
	}
	return err
}

// power has the host do it.
func (s *Service) power(ctx context.Context, st *serverPower) error {
	srv, err := s.store.Server(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	if st.EventID == "" {
		if st.EventID, err = s.store.BeginEvent(ctx, srv.ID, st.Change.Event, srv.Host); err != nil {
			return err
		}
	}
	req := rpcapi.PowerRequest{ServerID: srv.ID, Verb: st.Verb, Fence: flow.Fence(ctx)}
	if st.Verb == rpcapi.PowerStop || st.Verb == rpcapi.PowerRebootSoft {
		req.Grace = s.cfg.ShutdownTimeout
	}
	if st.Verb == rpcapi.PowerStart || st.Verb == rpcapi.PowerRebootHard {
		guest := s.spawnRequest(ctx, srv)
		req.Guest = &guest
	}
	reply, err := rpcapi.Power.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), req)
	if err != nil {
		return awaitHost(ctx, err)
	}
	st.Power = reply.Power
	return nil
}

func (s *Service) settlePower(ctx context.Context, st *serverPower) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := flow.Guard(ctx, tx.Tx); err != nil {
			return err
		}
		err := tx.FinishTask(ctx, st.ServerID, st.Change.Task, st.Change.To, st.Power)
		if err != nil && !errors.Is(err, nova.ErrStateChanged) {
			return err
		}
		if srv, err := tx.Server(ctx, st.ServerID); err == nil {
			s.notifyLater(ctx, tx, "compute.instance."+notified[st.Change.Verb]+".end", srv)
		}
		return tx.EndEvent(ctx, st.EventID, store.EventResult{})
	})
}

// notified are the event names of verbs.
var notified = map[nova.Verb]string{nova.VerbStart: "power_on", nova.VerbStop: "power_off", nova.VerbReboot: "reboot",
	nova.VerbPause: "pause", nova.VerbUnpause: "unpause", nova.VerbSuspend: "suspend", nova.VerbResume: "resume"}

// unsettlePower leaves the server as it was; what its guest is really doing
// server_sync finds out.
func (s *Service) unsettlePower(ctx context.Context, st *serverPower, failure error) error {
	defer s.wakeSync()
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.EndEvent(ctx, st.EventID, failed(failure)); err != nil {
			return err
		}
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) || err == nil && srv.TaskState != st.Change.Task {
			return nil // gone, or at another task by now
		} else if err != nil {
			return err
		}
		srv.TaskState, srv.Fault = nova.NoTask, s.faultOf(failure)
		columns := []string{"task_state", "fault"}
		if f, ok := fault.Of(failure); st.Verb == rpcapi.PowerRebootHard || ok && f.Status == 404 {
			srv.VMState = nova.Errored // a failed hard reboot, or no guest to do it to
			columns = append(columns, "vm_state")
		}
		return tx.UpdateServer(ctx, srv, columns...)
	})
}

func isAdmin(ctx context.Context) bool { return auth.Caller(ctx).Admin }
