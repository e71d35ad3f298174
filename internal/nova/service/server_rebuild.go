package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// ServerRebuild is what a rebuild makes of a server.
type ServerRebuild struct {
	ImageID  string
	Change   ServerChange
	Metadata map[string]string // instead of what there is; nil leaves it

	SetKey  bool   // KeyName is given, if only as ""
	KeyName string // of the server's owner

	SetUserData bool // UserData is given, if only as ""
	UserData    string

	AdminPass         string // made up and set when empty
	Files             []nova.InjectedFile
	PreserveEphemeral bool
	ZeroDisk          bool // the caller may use flavors without a disk
}

// serverRebuild is the state of the flow that makes a server's guest anew.
type serverRebuild struct {
	ServerID          string              `json:"server_id"`
	Image             nova.Image          `json:"image"`
	Kernel            *nova.Image         `json:"kernel,omitempty"`
	Ramdisk           *nova.Image         `json:"ramdisk,omitempty"`
	KeyType           string              `json:"key_type,omitempty"`
	AdminPass         string              `json:"admin_pass,omitempty"` // forgotten once the guest is spawned
	Files             []nova.InjectedFile `json:"files,omitempty"`
	PreserveEphemeral bool                `json:"preserve_ephemeral,omitempty"`
	Stopped           bool                `json:"stopped,omitempty"` // before, and again afterwards
	Waits             bool                `json:"waits,omitempty"`   // the guest is paused until its ports are ACTIVE
	Power             nova.PowerState     `json:"power,omitempty"`
	RootDevice        string              `json:"root_device,omitempty"`
	EventID           string              `json:"event_id,omitempty"`
}

// rebuildable are the vm_states that a rebuild begins in.
var rebuildable = store.Expect{VM: []nova.VMState{nova.Active, nova.Stopped, nova.Errored}, Tasks: []nova.TaskState{nova.NoTask}}

// RebuildServer replaces a server's disks by those of an image and changes
// what else is asked for. The server keeps its host, flavor and ports.
func (s *Service) RebuildServer(ctx context.Context, srv nova.Server, req *ServerRebuild) (nova.Server, error) {
	if err := s.checkLock(ctx, srv); err != nil {
		return srv, err
	}
	if err := refusal(srv, "rebuild", rebuildable.VM, rebuildable.Tasks, true); err != nil {
		return srv, err
	}
	st, columns, err := s.planRebuild(ctx, &srv, req)
	if err != nil {
		return srv, err
	}
	err = s.onceIdle(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if err := tx.SetTask(ctx, srv.ID, rebuildable, nova.Rebuilding); err != nil {
			return err
		}
		if req.Metadata != nil {
			allowed := func(int) error { return nil } // counted by planRebuild
			if srv.Metadata, err = tx.SetMetadata(ctx, srv.ID, req.Metadata, true, allowed); err != nil {
				return err
			}
		}
		srv.TaskState = nova.Rebuilding
		if err := tx.UpdateServer(ctx, srv, columns...); err != nil {
			return err
		}
		if err := tx.BeginAction(ctx, srv.ID, "rebuild"); err != nil {
			return fmt.Errorf("record action: %w", err)
		}
		return s.rebuilds.Start(ctx, tx.Tx, srv.ID, st)
	})
	if errors.Is(err, nova.ErrStateChanged) || errors.Is(err, db.ErrDuplicate) {
		return srv, s.stateChanged(ctx, srv, nova.Transition{Verb: "rebuild", From: rebuildable.VM, Tasks: rebuildable.Tasks, Task: nova.Rebuilding})
	} else if err != nil {
		return srv, fmt.Errorf("rebuild server: %w", err)
	}
	now := s.clock.Now()
	srv.UpdatedAt = &now
	s.wakeConductor(ctx)
	return srv, nil
}

// planRebuild looks up all that a rebuild names and refuses what cannot be. It
// changes srv and says which columns those are.
func (s *Service) planRebuild(ctx context.Context, srv *nova.Server, req *ServerRebuild) (st serverRebuild, columns []string, err error) {
	st = serverRebuild{ServerID: srv.ID, Files: req.Files, PreserveEphemeral: req.PreserveEphemeral, Stopped: srv.VMState == nova.Stopped}
	if st.Image, err = s.images.Image(ctx, req.ImageID); fault.Is(err, 404) {
		return st, nil, fault.BadRequest("Cannot find image for rebuild")
	} else if err != nil {
		return st, nil, fmt.Errorf("image %s: %w", req.ImageID, err)
	}
	if st.Kernel, st.Ramdisk, err = s.bootKernel(ctx, st.Image); err != nil {
		return st, nil, err
	}
	if err := s.checkRebuild(ctx, *srv, st.Image, req); err != nil {
		return st, nil, err
	}
	columns = append(req.Change.apply(srv), "task_state", "image_id", "image_meta", "kernel_id", "ramdisk_id", "root_device_name")
	srv.ImageID, srv.ImageMeta, srv.KernelID, srv.RamdiskID = st.Image.ID, st.Image.Properties, "", ""
	srv.RootDeviceName = st.Image.Properties["root_device_name"]
	if st.Kernel != nil {
		srv.KernelID = st.Kernel.ID
	}
	if st.Ramdisk != nil {
		srv.RamdiskID = st.Ramdisk.ID
	}
	if req.SetUserData {
		srv.UserData, columns = req.UserData, append(columns, "user_data")
	}
	if req.SetKey {
		columns = append(columns, "key_name", "key_data")
		if st.KeyType, err = s.changeKey(ctx, srv, req.KeyName); err != nil {
			return st, nil, err
		}
	}
	if req.AdminPass == "" {
		req.AdminPass = password(s.cfg.PasswordLength)
	}
	st.AdminPass = req.AdminPass
	return st, columns, nil
}

// checkRebuild holds a rebuild against the limits and the server's flavor.
func (s *Service) checkRebuild(ctx context.Context, srv nova.Server, img nova.Image, req *ServerRebuild) error {
	if _, err := decodeUserData(req.UserData); err != nil {
		return fault.BadRequest("User data needs to be valid base 64.")
	}
	limits, err := s.store.Limits(ctx, srv.ProjectID, "")
	if err != nil {
		return fmt.Errorf("limits of %s: %w", srv.ProjectID, err)
	}
	like := nova.ServerRequest{Metadata: req.Metadata, Files: req.Files, ZeroDisk: req.ZeroDisk}
	if req.Change.DiskConfig != nil {
		like.DiskConfig = *req.Change.DiskConfig
	}
	if err := checkItems(&like, limits); err != nil {
		return err
	}
	return checkFlavorImage(srv.Flavor, img, &like)
}

// changeKey gives a server another of its owner's keys, or none.
func (s *Service) changeKey(ctx context.Context, srv *nova.Server, name string) (keyType string, err error) {
	srv.KeyName, srv.KeyData = name, ""
	if name == "" {
		return "", nil
	}
	key, err := s.store.Keypair(ctx, srv.UserID, name)
	if errors.Is(err, db.ErrNoRow) {
		return "", fault.BadRequest("Invalid key_name provided.")
	} else if err != nil {
		return "", fmt.Errorf("key pair %s: %w", name, err)
	}
	srv.KeyData = key.PublicKey
	return key.Type, nil
}

func (s *Service) rebuildFlow() flow.Flow[serverRebuild] {
	return flow.Flow[serverRebuild]{Name: "server_rebuild",
		Steps: []flow.Step[serverRebuild]{
			{Name: "destroy", Do: s.destroyForRebuild, Timeout: 5 * time.Minute},
			{Name: "spawn", Do: s.respawn, Timeout: s.cfg.SpawnTimeout},
			{Name: "plug", Do: s.awaitReplugged},
			{Name: "power", Do: s.stopRebuilt},
			{Name: "settle", Do: s.settleRebuild},
		},
		Failed: s.failRebuild,
	}
}

// destroyForRebuild removes the old guest. Its host must be there to do it:
// the new guest comes into being on that host.
func (s *Service) destroyForRebuild(ctx context.Context, st *serverRebuild) error {
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	if st.EventID == "" {
		if st.EventID, err = s.store.BeginEvent(ctx, srv.ID, "compute_rebuild_instance", srv.Host); err != nil {
			return err
		}
	}
	if st.PreserveEphemeral {
		return flow.Permanent(fault.BadRequest("The current driver does not support preserving ephemeral partitions."))
	}
	_, err = rpcapi.Destroy.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.DestroyRequest{ServerID: srv.ID, Fence: flow.Fence(ctx)})
	return awaitHost(ctx, err)
}

// respawn has the host make the guest from the new image.
func (s *Service) respawn(ctx context.Context, st *serverRebuild) error {
	srv, err := s.store.Server(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	waits, err := s.waitsForPorts(ctx, srv.Host)
	if err != nil {
		return err
	}
	req := s.spawnRequest(ctx, srv)
	req.Image, req.Kernel, req.Ramdisk = st.Image, st.Kernel, st.Ramdisk
	req.Instance.KeyType, req.Instance.AdminPass = st.KeyType, st.AdminPass
	for _, f := range st.Files {
		req.Instance.Files = append(req.Instance.Files, rpcapi.File(f))
	}
	req.Paused = waits && len(srv.NetworkInfo) > 0
	reply, err := rpcapi.Spawn.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), req)
	if err != nil {
		return awaitHost(ctx, err)
	}
	st.Waits, st.AdminPass, st.Files, st.RootDevice = reply.Paused, "", nil, reply.RootDeviceName
	st.Power = nova.PowerRunning
	return nil
}

// waitsForPorts reports whether a host starts guests paused.
func (s *Service) waitsForPorts(ctx context.Context, host string) (bool, error) {
	known, err := s.store.HostStates(ctx)
	if err != nil {
		return false, fmt.Errorf("list hosts: %w", err)
	}
	for _, k := range known {
		if k.Node.Host == host {
			return k.Node.WaitsForPorts, nil
		}
	}
	return false, nil
}

func (s *Service) awaitReplugged(ctx context.Context, st *serverRebuild) error {
	if !st.Waits {
		return nil
	}
	return s.letRun(ctx, st.ServerID)
}

// stopRebuilt leaves a server down that was down before.
func (s *Service) stopRebuilt(ctx context.Context, st *serverRebuild) error {
	if !st.Stopped {
		return nil
	}
	srv, err := s.store.BareServer(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(err)
	}
	reply, err := rpcapi.Power.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host),
		rpcapi.PowerRequest{ServerID: srv.ID, Verb: rpcapi.PowerStop, Grace: s.cfg.ShutdownTimeout, Fence: flow.Fence(ctx)})
	st.Power = reply.Power
	return awaitHost(ctx, err)
}

func (s *Service) settleRebuild(ctx context.Context, st *serverRebuild) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := flow.Guard(ctx, tx.Tx); err != nil {
			return err
		}
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) || err == nil && srv.TaskState != nova.Rebuilding {
			return tx.EndEvent(ctx, st.EventID, store.EventResult{}) // gone, or at another task by now
		} else if err != nil {
			return err
		}
		now := s.clock.Now()
		srv.VMState, srv.TaskState, srv.PowerState, srv.LaunchedAt, srv.Fault = nova.Active, nova.NoTask, st.Power, &now, nil
		if st.Stopped {
			srv.VMState = nova.Stopped
		}
		if srv.RootDeviceName == "" {
			srv.RootDeviceName = st.RootDevice
		}
		if err := tx.UpdateServer(ctx, srv, "vm_state", "task_state", "power_state", "launched_at", "fault", "root_device_name"); err != nil {
			return err
		}
		s.notifyLater(ctx, tx, "compute.instance.rebuild.end", srv)
		return tx.EndEvent(ctx, st.EventID, store.EventResult{})
	})
}

// failRebuild leaves the server in ERROR: its old guest is gone. It can be
// rebuilt again.
func (s *Service) failRebuild(ctx context.Context, st *serverRebuild, failure error) error {
	st.AdminPass, st.Files = "", nil
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.EndEvent(ctx, st.EventID, failed(failure)); err != nil {
			return err
		}
		srv, err := tx.Server(ctx, st.ServerID)
		if errors.Is(err, db.ErrNoRow) || err == nil && srv.TaskState != nova.Rebuilding {
			return nil
		} else if err != nil {
			return err
		}
		srv.VMState, srv.TaskState, srv.Fault = nova.Errored, nova.NoTask, s.faultOf(failure)
		s.notifyLater(ctx, tx, "compute.instance.rebuild.error", srv)
		return tx.UpdateServer(ctx, srv, "vm_state", "task_state", "fault")
	})
}
