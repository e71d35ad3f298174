package agent

import (
	"context"
	"errors"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/messaging"
)

// methods are what the conductor may ask.
func (a *Agent) methods() messaging.Methods {
	m := messaging.Methods{}
	messaging.Handle(m, rpcapi.Spawn, a.spawn)
	messaging.Handle(m, rpcapi.Destroy, a.destroy)
	messaging.Handle(m, rpcapi.Power, a.power)
	messaging.Handle(m, rpcapi.ConsoleOutput, a.consoleOutput)
	messaging.Handle(m, rpcapi.RemoteConsole, a.remoteConsole)
	messaging.Handle(m, rpcapi.AttachInterface, a.attachInterface)
	messaging.Handle(m, rpcapi.DetachInterface, a.detachInterface)
	messaging.Handle(m, rpcapi.Diagnostics, a.diagnostics)
	messaging.Handle(m, rpcapi.ReportNow, a.reportNow)
	return m
}

// refusal words a driver's error for the tenant.
func refusal(serverID, imageID string, err error) error {
	var small *virt.DiskTooSmallError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, virt.ErrNoGuest):
		return fault.NotFound("Instance %s could not be found.", serverID).Cause(err)
	case errors.Is(err, virt.ErrState):
		return fault.Conflict("Instance %s is not ready", serverID).Cause(err)
	case errors.As(err, &small):
		return fault.BadRequest("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes.",
			small.DiskBytes, small.ImageBytes).Cause(err)
	case errors.Is(err, virt.ErrImage):
		return fault.BadRequest("Image %s is unacceptable: %s", imageID, err).Cause(err)
	default:
		return err
	}
}

// spawn makes a guest; only so many at a time.
func (a *Agent) spawn(ctx context.Context, q rpcapi.SpawnRequest) (rpcapi.SpawnReply, error) {
	if err := a.fences.check(ctx, q.ServerID, q.Fence); err != nil {
		return rpcapi.SpawnReply{}, err
	}
	g, err := a.guest(q)
	if err != nil {
		return rpcapi.SpawnReply{}, err
	}
	select {
	case a.builds <- struct{}{}:
		defer func() { <-a.builds }()
	case <-ctx.Done():
		return rpcapi.SpawnReply{}, ctx.Err()
	}
	start := time.Now()
	if err := a.Driver.Spawn(ctx, g); err != nil {
		return rpcapi.SpawnReply{}, refusal(q.ServerID, q.Image.ID, err)
	}
	state, err := a.Driver.Guest(ctx, q.ServerID)
	if err != nil {
		return rpcapi.SpawnReply{}, refusal(q.ServerID, q.Image.ID, err)
	}
	a.Log.InfoContext(ctx, "server spawned", "server", q.ServerID, "seconds", time.Since(start).Seconds())
	return rpcapi.SpawnReply{Power: nova.PowerState(state.Power), Paused: state.Power == virt.Paused,
		RootDeviceName: g.Hardware.RootDevice()}, nil
}

func (a *Agent) destroy(ctx context.Context, q rpcapi.DestroyRequest) (rpcapi.Done, error) {
	if err := a.fences.check(ctx, q.ServerID, q.Fence); err != nil {
		return rpcapi.Done{}, err
	}
	return rpcapi.Done{}, a.Driver.Destroy(ctx, q.ServerID)
}

// power changes a guest's state. A guest whose definition is lost is defined again.
func (a *Agent) power(ctx context.Context, q rpcapi.PowerRequest) (rpcapi.PowerReply, error) {
	if err := a.fences.check(ctx, q.ServerID, q.Fence); err != nil {
		return rpcapi.PowerReply{}, err
	}
	err := a.switchTo(ctx, q)
	if errors.Is(err, virt.ErrNoGuest) && q.Guest != nil {
		g, guestErr := a.guest(*q.Guest)
		if guestErr != nil {
			return rpcapi.PowerReply{}, guestErr
		}
		if err = a.Driver.Redefine(ctx, g); err == nil {
			err = a.switchTo(ctx, q)
		}
	}
	if err != nil {
		return rpcapi.PowerReply{}, refusal(q.ServerID, "", err)
	}
	state, err := a.Driver.Guest(ctx, q.ServerID)
	return rpcapi.PowerReply{Power: nova.PowerState(state.Power)}, refusal(q.ServerID, "", err)
}

func (a *Agent) switchTo(ctx context.Context, q rpcapi.PowerRequest) error {
	switch q.Verb {
	case rpcapi.PowerStart, rpcapi.PowerUnpause, rpcapi.PowerResume:
		return a.Driver.Power(ctx, q.ServerID, virt.Running, 0)
	case rpcapi.PowerStop:
		return a.Driver.Power(ctx, q.ServerID, virt.Shutdown, q.Grace)
	case rpcapi.PowerPause:
		return a.Driver.Power(ctx, q.ServerID, virt.Paused, 0)
	case rpcapi.PowerSuspend:
		return a.Driver.Power(ctx, q.ServerID, virt.Suspended, 0)
	case rpcapi.PowerRebootSoft:
		return a.Driver.Reboot(ctx, q.ServerID, q.Grace)
	case rpcapi.PowerRebootHard:
		return a.Driver.Reboot(ctx, q.ServerID, 0)
	default:
		return fault.BadRequest("Power action %q is not known to this host.", q.Verb)
	}
}

func (a *Agent) consoleOutput(ctx context.Context, q rpcapi.ConsoleOutputRequest) (rpcapi.ConsoleOutputReply, error) {
	out, err := a.Driver.ConsoleOutput(ctx, q.ServerID, q.Lines)
	return rpcapi.ConsoleOutputReply{Output: out}, refusal(q.ServerID, "", err)
}

func (a *Agent) remoteConsole(ctx context.Context, q rpcapi.RemoteConsoleRequest) (rpcapi.RemoteConsoleReply, error) {
	kind := virt.ConsoleKind(q.Protocol)
	if kind != virt.VNC && kind != virt.Serial {
		return rpcapi.RemoteConsoleReply{}, fault.BadRequest("Unavailable console type %s.", q.Protocol)
	}
	at, err := a.Driver.Console(ctx, q.ServerID, kind)
	return rpcapi.RemoteConsoleReply{Network: at.Network, Address: at.Address}, refusal(q.ServerID, "", err)
}

func (a *Agent) attachInterface(ctx context.Context, q rpcapi.InterfaceRequest) (rpcapi.Done, error) {
	if err := a.fences.check(ctx, q.ServerID, q.Fence); err != nil {
		return rpcapi.Done{}, err
	}
	return rpcapi.Done{}, refusal(q.ServerID, "", a.Driver.AttachInterface(ctx, q.ServerID, nic(q.VIF, nil)))
}

func (a *Agent) detachInterface(ctx context.Context, q rpcapi.InterfaceRequest) (rpcapi.Done, error) {
	if err := a.fences.check(ctx, q.ServerID, q.Fence); err != nil {
		return rpcapi.Done{}, err
	}
	return rpcapi.Done{}, refusal(q.ServerID, "", a.Driver.DetachInterface(ctx, q.ServerID, q.VIF.PortID))
}

func (a *Agent) diagnostics(ctx context.Context, q rpcapi.GuestRequest) (rpcapi.DiagnosticsReply, error) {
	d, able := a.Driver.(virt.Diagnoser)
	if !able {
		return rpcapi.DiagnosticsReply{}, fault.New(501, "Virt driver does not support diagnostics.")
	}
	got, err := d.Diagnostics(ctx, q.ServerID)
	if err != nil {
		return rpcapi.DiagnosticsReply{}, refusal(q.ServerID, "", err)
	}
	out := rpcapi.DiagnosticsReply{State: got.Power.String(), Driver: got.Driver, Hypervisor: got.Hypervisor, HypervisorOS: "linux",
		UptimeSeconds: int64(got.Uptime.Seconds()), ConfigDrive: got.ConfigDrive, CPUTimes: got.CPUTimes,
		MemoryMB: got.MemoryMB, UsedMB: got.UsedMB}
	for _, d := range got.Disks {
		out.Disks = append(out.Disks, rpcapi.DiskCounters(d))
	}
	for _, n := range got.Interfaces {
		out.NICs = append(out.NICs, rpcapi.NICCounters(n))
	}
	return out, nil
}

func (a *Agent) reportNow(context.Context, rpcapi.Done) (rpcapi.Done, error) {
	wake(a.report)
	return rpcapi.Done{}, nil
}
