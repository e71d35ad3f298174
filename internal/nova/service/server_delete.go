package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// serverDelete is the state of the flow that removes a server.
type serverDelete struct {
	ServerID string `json:"server_id"`
	EventID  string `json:"event_id,omitempty"`
}

// DeleteServer marks a server for deletion and has all of it removed. A server
// that is being deleted already is success.
func (s *Service) DeleteServer(ctx context.Context, srv nova.Server) error {
	if srv.TaskState == nova.Deleting {
		return nil
	}
	if err := s.checkLock(ctx, srv); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetTask(ctx, srv.ID, store.Expect{}, nova.Deleting); err != nil {
			return err
		}
		for _, cancel := range []func() error{
			func() error { return s.creates.Cancel(ctx, tx.Tx, srv.ID, "the server is deleted") },
			func() error { return s.powers.Cancel(ctx, tx.Tx, srv.ID, "the server is deleted") },
			func() error { return s.forced.Cancel(ctx, tx.Tx, srv.ID, "the server is deleted") },
			func() error { return s.rebuilds.Cancel(ctx, tx.Tx, srv.ID, "the server is deleted") },
			func() error { return s.attaches.Cancel(ctx, tx.Tx, srv.ID, "the server is deleted") },
		} {
			if err := cancel(); err != nil {
				return fmt.Errorf("cancel: %w", err)
			}
		}
		if err := tx.BeginAction(ctx, srv.ID, "delete"); err != nil {
			return fmt.Errorf("record action: %w", err)
		}
		return s.deletes.Start(ctx, tx.Tx, srv.ID, serverDelete{ServerID: srv.ID})
	})
	switch {
	case errors.Is(err, nova.ErrStateChanged), errors.Is(err, db.ErrDuplicate):
		return nil // somebody else deletes it, or has
	case err != nil:
		return fmt.Errorf("delete server: %w", err)
	}
	s.wakeConductor(ctx)
	if srv.Host == "" {
		s.awaitGone(ctx, srv.ID)
	}
	return nil
}

// awaitGone waits a moment for a deletion that has no host to ask: clients of
// the original find such a server gone when the call returns.
func (s *Service) awaitGone(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = s.flows.Wait(ctx, "server_delete", id) // the deletion goes on in any case
}

func (s *Service) deleteFlow() flow.Flow[serverDelete] {
	return flow.Flow[serverDelete]{Name: "server_delete",
		Steps: []flow.Step[serverDelete]{
			{Name: "quiesce", Do: s.awaitOthers},
			{Name: "destroy", Do: s.destroy, Timeout: 5 * time.Minute},
			{Name: "ports", Do: s.deleteServerPorts},
			{Name: "claim", Do: s.deleteClaim},
			{Name: "gone", Do: s.markDeleted},
		},
		Failed: s.markUndeleted,
	}
}

// again has a step of a deletion run once more: a deletion never gives up.
func again(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return flow.Retry(err, min(time.Second<<min(flow.Attempt(ctx), 6), time.Minute))
}

// awaitOthers waits until the flows that the deletion cancelled have undone what they did.
func (s *Service) awaitOthers(ctx context.Context, st *serverDelete) error {
	for _, live := range []func(context.Context, db.Q, string) (bool, error){s.creates.Live, s.rebuilds.Live, s.attaches.Live, s.detaches.Live} {
		if busy, err := live(ctx, s.store.DB(), st.ServerID); err != nil {
			return again(ctx, err)
		} else if busy {
			return flow.Retry(errors.New("another flow of the server still undoes what it did"), 100*time.Millisecond)
		}
	}
	return nil
}

func (s *Service) destroy(ctx context.Context, st *serverDelete) error {
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return again(ctx, err)
	}
	if st.EventID == "" {
		if st.EventID, err = s.store.BeginEvent(ctx, srv.ID, "compute_terminate_instance", srv.Host); err != nil {
			return again(ctx, err)
		}
	}
	return again(ctx, s.destroyOn(ctx, srv.ID, srv.Host))
}

func (s *Service) deleteServerPorts(ctx context.Context, st *serverDelete) error {
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return again(ctx, err)
	}
	keep := srv.Wishes.Ports
	for _, v := range srv.NetworkInfo {
		if !v.Created {
			keep = append(keep, v.PortID)
		}
	}
	return again(ctx, s.networks.DeletePorts(ctx, srv.ID, keep))
}

func (s *Service) deleteClaim(ctx context.Context, st *serverDelete) error {
	return again(ctx, s.claims.Release(ctx, st.ServerID))
}

func (s *Service) markDeleted(ctx context.Context, st *serverDelete) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) {
			return nil
		} else if err != nil {
			return again(ctx, err)
		}
		if err := tx.DeleteServer(ctx, srv.ID); err != nil {
			return err
		}
		if err := tx.DeleteConsoleTokens(ctx, srv.ID); err != nil {
			return err
		}
		s.notifyLater(ctx, tx, "compute.instance.delete.end", srv)
		return tx.EndEvent(ctx, st.EventID, store.EventResult{})
	})
}

// markUndeleted is told only if a step failed for good, which they do not by
// themselves: the server shows it and can be deleted again.
func (s *Service) markUndeleted(ctx context.Context, st *serverDelete, failure error) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.EndEvent(ctx, st.EventID, failed(failure)); err != nil {
			return err
		}
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) {
			return nil
		} else if err != nil {
			return err
		}
		srv.VMState, srv.TaskState, srv.Fault = nova.Errored, nova.NoTask, s.faultOf(failure)
		return tx.UpdateServer(ctx, srv, "vm_state", "task_state", "fault")
	})
}

// checkLock refuses a change to a locked server by anybody but an administrator.
func (s *Service) checkLock(ctx context.Context, srv nova.Server) error {
	if srv.Locked && !isAdmin(ctx) {
		return fault.Conflict("Instance %s is locked", srv.ID)
	}
	return nil
}
