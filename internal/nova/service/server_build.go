package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/scheduler"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/messaging"
)

// serverCreate is the state of the flow that builds a server.
type serverCreate struct {
	ServerID  string                `json:"server_id"`
	Networks  []nova.NetworkRequest `json:"networks"`
	Image     nova.Image            `json:"image"`
	Kernel    *nova.Image           `json:"kernel,omitempty"`
	Ramdisk   *nova.Image           `json:"ramdisk,omitempty"`
	KeyType   string                `json:"key_type,omitempty"`
	AdminPass string                `json:"admin_pass,omitempty"` // forgotten once the guest is spawned
	Files     []nova.InjectedFile   `json:"files,omitempty"`

	Places  []place  `json:"places,omitempty"`   // hosts still to be tried, best first
	Chosen  place    `json:"chosen,omitzero"`    // the host of the claim
	Tried   []string `json:"tried,omitempty"`    // hosts that failed
	EventID string   `json:"event_id,omitempty"` // of the instance action
	Waits   bool     `json:"waits,omitempty"`    // the guest is paused until its ports are ACTIVE

	RootDevice string `json:"root_device,omitempty"` // "/dev/vda"

	Account *scheduler.Account `json:"account,omitempty"` // of the ranking, until a host is claimed
}

// place is a host that could take the server.
type place struct {
	Host       string `json:"host"`
	Node       string `json:"node"`
	ProviderID string `json:"provider_id"`
	Zone       string `json:"zone"`
	Waits      bool   `json:"waits"`
}

func (s *Service) createFlow() flow.Flow[serverCreate] {
	return flow.Flow[serverCreate]{Name: "server_create",
		Steps: []flow.Step[serverCreate]{
			{Name: "schedule", Do: s.chooseHost, Light: true},
			{Name: "claim", Do: s.claim, Undo: s.releaseClaim},
			{Name: "ports", Do: s.makePorts, Undo: s.deletePorts},
			{Name: "spawn", Do: s.spawn, Undo: s.destroySpawned, Timeout: s.cfg.SpawnTimeout},
			{Name: "plug", Do: s.awaitPorts, Light: true},
			{Name: "activate", Do: s.markActive},
		},
		Failed: s.markError,
	}
}

// atEnd is flow.Done, or flow.Guard where a transaction is not a step's last.
type atEnd func(context.Context, *db.Tx) error

func (s *Service) claim(ctx context.Context, st *serverCreate) error {
	return s.ensureClaim(ctx, st, flow.Done)
}

// ensureClaim takes the best host that still has room, and writes down where
// the server will be.
func (s *Service) ensureClaim(ctx context.Context, st *serverCreate, end atEnd) error {
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	if st.Chosen.Host != "" && !slices.Contains(st.Tried, st.Chosen.Host) {
		st.Places = append([]place{st.Chosen}, st.Places...) // it ran before
	}
	for len(st.Places) > 0 {
		best := st.Places[0]
		err := s.claims.Claim(ctx, srv, best.ProviderID, resources(srv.Flavor))
		if errors.Is(err, nova.ErrClaimLost) {
			st.Places = st.Places[1:]
			continue
		} else if err != nil {
			return fmt.Errorf("claim on %s: %w", best.Host, err)
		}
		s.claimed(claimRequest(srv), best.ProviderID)
		st.Chosen, st.Places = best, st.Places[1:]
		srv.Host, srv.Node, srv.Zone, srv.TaskState = best.Host, best.Node, best.Zone, nova.Networking
		return s.recordPlace(ctx, srv, st, end)
	}
	if flow.Attempt(ctx) < s.cfg.MaxAttempts {
		if err := s.place(ctx, st, true); err != nil {
			return err
		}
		return flow.Retry(errors.New("every host that was chosen has been filled by others"), time.Millisecond)
	}
	return s.noValidHost(ctx, srv, "There are not enough hosts available.")
}

// recordPlace writes down where the server goes, and why.
func (s *Service) recordPlace(ctx context.Context, srv nova.Server, st *serverCreate, end atEnd) error {
	account := st.Account
	st.Account = nil
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if account != nil {
			if err := tx.RecordAccount(ctx, srv.ID, srv.Host, *account); err != nil {
				return fmt.Errorf("scheduling account: %w", err)
			}
		}
		if st.EventID, err = tx.BeginEvent(ctx, srv.ID, "compute__do_build_and_run_instance", srv.Host); err != nil {
			return fmt.Errorf("record event: %w", err)
		}
		if err := tx.UpdateServer(ctx, srv, "host", "node", "availability_zone", "task_state"); err != nil {
			return err
		}
		return end(ctx, tx.Tx)
	})
	if err != nil {
		st.Account = account
	}
	return err
}

func (s *Service) releaseClaim(ctx context.Context, st *serverCreate) error {
	return s.claims.Release(ctx, st.ServerID)
}

func (s *Service) makePorts(ctx context.Context, st *serverCreate) error {
	return s.ensurePorts(ctx, st, flow.Done)
}

// ensurePorts makes the server's ports, bound to its host.
func (s *Service) ensurePorts(ctx context.Context, st *serverCreate, end atEnd) error {
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	if srv.NetworkInfo, err = s.networks.EnsurePorts(ctx, srv, st.Networks); err != nil {
		return aborted(srv, err)
	}
	srv.TaskState = nova.Spawning
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.UpdateServer(ctx, srv, "network_info", "task_state"); err != nil {
			return err
		}
		return end(ctx, tx.Tx)
	})
}

func (s *Service) deletePorts(ctx context.Context, st *serverCreate) error {
	return s.networks.DeletePorts(ctx, st.ServerID, keptPorts(st.Networks))
}

// keptPorts are the ports that were there before the server.
func keptPorts(wants []nova.NetworkRequest) (ids []string) {
	for _, n := range wants {
		if n.PortID != "" {
			ids = append(ids, n.PortID)
		}
	}
	return ids
}

// aborted words a build's failure that another host would not cure.
func aborted(srv nova.Server, err error) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	return flow.Permanent(fault.New(f.Status, "Build of instance %s aborted: %s", srv.ID, f.Message).Cause(err))
}

// spawn has the host make the guest; when a host fails, the next one is tried.
func (s *Service) spawn(ctx context.Context, st *serverCreate) error {
	for {
		srv, err := s.store.Server(ctx, st.ServerID)
		if err != nil {
			return flow.Permanent(err)
		}
		err = s.spawnOn(ctx, st, srv)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, messaging.ErrNobody) && flow.Attempt(ctx) < hostAttempts {
			return awaitHost(ctx, err)
		}
		s.log.WarnContext(ctx, "host failed to build a server", "server", srv.ID, "host", srv.Host, "error", err)
		if f, ok := fault.Of(err); ok && f.Status < 500 {
			return aborted(srv, err)
		}
		st.Tried = append(st.Tried, srv.Host)
		if len(st.Tried) >= s.cfg.MaxAttempts {
			return fault.New(500, "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance %s.", srv.ID).Cause(err)
		}
		if merr := s.moveOn(ctx, st, srv); merr != nil {
			return errors.Join(merr, err)
		}
	}
}

func (s *Service) spawnOn(ctx context.Context, st *serverCreate, srv nova.Server) error {
	req := s.spawnRequest(ctx, srv)
	req.Image, req.Kernel, req.Ramdisk = st.Image, st.Kernel, st.Ramdisk
	req.Instance.KeyType, req.Instance.AdminPass = st.KeyType, st.AdminPass
	for _, f := range st.Files {
		req.Instance.Files = append(req.Instance.Files, rpcapi.File(f))
	}
	req.Paused = st.Chosen.Waits && len(srv.NetworkInfo) > 0
	reply, err := rpcapi.Spawn.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), req)
	if err != nil {
		return err
	}
	st.Waits, st.AdminPass, st.Files, st.RootDevice = reply.Paused, "", nil, reply.RootDeviceName
	return nil
}

// spawnRequest describes a server to its host as far as the row knows it.
func (s *Service) spawnRequest(ctx context.Context, srv nova.Server) rpcapi.SpawnRequest {
	caller := auth.Caller(ctx)
	in := rpcapi.Instance{DisplayName: srv.Name, Hostname: srv.Hostname, ProjectID: srv.ProjectID, UserID: srv.UserID,
		ReservationID: srv.ReservationID, LaunchIndex: srv.LaunchIndex, Zone: srv.Zone, Metadata: srv.Metadata,
		UserData: srv.UserData, KeyName: srv.KeyName, PublicKey: srv.KeyData, CreatedAt: srv.CreatedAt}
	if caller.ProjectID == srv.ProjectID {
		in.ProjectName = caller.ProjectName
	}
	if caller.UserID == srv.UserID {
		in.UserName = caller.UserName
	}
	return rpcapi.SpawnRequest{ServerID: srv.ID, Name: srv.GuestName(), Flavor: srv.Flavor,
		Image: nova.Image{ID: srv.ImageID, Properties: srv.ImageMeta}, VIFs: srv.NetworkInfo,
		ConfigDrive: srv.ConfigDrive, Instance: in, Fence: flow.Fence(ctx)}
}

// moveOn takes a server that its host could not build to the next one.
func (s *Service) moveOn(ctx context.Context, st *serverCreate, srv nova.Server) error {
	if err := s.destroyOn(ctx, srv.ID, srv.Host); err != nil {
		return err
	}
	if err := s.claims.Release(ctx, srv.ID); err != nil {
		return err
	}
	if len(st.Places) == 0 {
		if err := s.place(ctx, st, true); err != nil {
			return err
		}
	}
	if err := s.ensureClaim(ctx, st, flow.Guard); err != nil {
		return err
	}
	return s.ensurePorts(ctx, st, flow.Guard)
}

// destroySpawned goes by the row, which knows of hosts tried since the state was kept.
func (s *Service) destroySpawned(ctx context.Context, st *serverCreate) error {
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return err
	}
	return s.destroyOn(ctx, srv.ID, srv.Host)
}

// destroyOn removes a guest from a host. A host that nobody answers for is
// left to server_sync, which removes the guest when the host is back.
func (s *Service) destroyOn(ctx context.Context, serverID, host string) error {
	if host == "" {
		return nil
	}
	_, err := rpcapi.Destroy.Call(ctx, s.bus, rpcapi.ComputeTopic(host), rpcapi.DestroyRequest{ServerID: serverID, Fence: flow.Fence(ctx)})
	if errors.Is(err, messaging.ErrNobody) {
		s.log.WarnContext(ctx, "the host is away; its guest is removed when it is back", "server", serverID, "host", host)
		return nil
	}
	return err
}

// awaitPorts lets a guest that waits for its ports run once they are ACTIVE.
func (s *Service) awaitPorts(ctx context.Context, st *serverCreate) error {
	if !st.Waits {
		return nil
	}
	return s.letRun(ctx, st.ServerID)
}

// letRun has a guest that was made paused run once its ports are ACTIVE.
func (s *Service) letRun(ctx context.Context, serverID string) error {
	srv, err := s.store.BareServer(ctx, serverID)
	if err != nil {
		return flow.Permanent(err)
	}
	if err := s.portsActive(ctx, srv); err != nil {
		return aborted(srv, err)
	}
	_, err = rpcapi.Power.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host),
		rpcapi.PowerRequest{ServerID: srv.ID, Verb: rpcapi.PowerUnpause, Fence: flow.Fence(ctx)})
	return awaitHost(ctx, err)
}

// markActive ends the build.
func (s *Service) markActive(ctx context.Context, st *serverCreate) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) || err == nil && srv.TaskState == nova.Deleting {
			return flow.Permanent(nova.ErrStateChanged)
		} else if err != nil {
			return err
		}
		now := s.clock.Now()
		srv.VMState, srv.TaskState, srv.PowerState, srv.LaunchedAt, srv.Fault = nova.Active, nova.NoTask, nova.PowerRunning, &now, nil
		if srv.RootDeviceName == "" {
			srv.RootDeviceName = st.RootDevice
		}
		if err := tx.UpdateServer(ctx, srv, "vm_state", "task_state", "power_state", "launched_at", "fault", "root_device_name"); err != nil {
			return err
		}
		if err := tx.EndEvent(ctx, st.EventID, store.EventResult{}); err != nil {
			return err
		}
		s.notifyLater(ctx, tx, "compute.instance.create.end", srv)
		return flow.Done(ctx, tx.Tx)
	})
}

// markError tells why the server could not be built. Its host is forgotten:
// nothing of it is there any more.
func (s *Service) markError(ctx context.Context, st *serverCreate, failure error) error {
	st.AdminPass, st.Files = "", nil
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.EndEvent(ctx, st.EventID, failed(failure)); err != nil {
			return err
		}
		if err := tx.FailAction(ctx, st.ServerID); err != nil {
			return err
		}
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) || errors.Is(failure, flow.ErrCancelled) {
			return nil
		} else if err != nil {
			return err
		}
		task := srv.TaskState
		srv.VMState, srv.PowerState, srv.Fault = nova.Errored, nova.PowerNone, s.faultOf(failure)
		srv.Host, srv.Node, srv.NetworkInfo, srv.TaskState = "", "", nil, nova.NoTask
		srv.Zone = srv.Wishes.Zone
		columns := []string{"vm_state", "power_state", "fault", "host", "node", "availability_zone", "network_info"}
		if task != nova.Deleting {
			columns = append(columns, "task_state")
		}
		s.notifyLater(ctx, tx, "compute.instance.create.error", srv)
		return tx.UpdateServer(ctx, srv, columns...)
	})
}
