package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/messaging"
)

// reportAgain is when a report that nobody took is made again.
const reportAgain = 2 * time.Second

// reportHost tells the conductor everything about the host.
func (a *Agent) reportHost(ctx context.Context) error {
	r, err := a.hostReport(ctx)
	if err == nil {
		_, err = rpcapi.ComputeReport.Call(ctx, a.Bus, rpcapi.ConductorTopic, r)
	}
	if err != nil && ctx.Err() == nil {
		time.AfterFunc(reportAgain, func() { wake(a.report) })
		if errors.Is(err, messaging.ErrNobody) {
			a.Log.DebugContext(ctx, "no conductor takes the report of the host", "host", a.Host)
			return nil
		}
		return fmt.Errorf("report host %s: %w", a.Host, err)
	}
	if err == nil {
		a.first.Do(func() { close(a.known) })
	}
	return nil
}

// hostReport reads it all afresh.
func (a *Agent) hostReport(ctx context.Context) (rpcapi.HostReport, error) {
	inv, err := a.Driver.Inventory(ctx)
	if err != nil {
		return rpcapi.HostReport{}, err
	}
	guests, err := a.Driver.Guests(ctx)
	if err != nil {
		return rpcapi.HostReport{}, err
	}
	cpu, err := json.Marshal(inv.CPU)
	if err != nil {
		return rpcapi.HostReport{}, err
	}
	r := rpcapi.HostReport{Host: a.Host, Node: inv.Hostname, StartedAt: a.started,
		HypervisorType: inv.HypervisorType, HypervisorVersion: inv.HypervisorVersion, HostIP: inv.HostIP,
		VCPUs: inv.VCPUs, MemoryMB: inv.MemoryMB, DiskGB: inv.DiskGB,
		VCPUsUsed: inv.VCPUsUsed, MemoryMBUsed: inv.MemoryUsedMB, DiskGBUsed: inv.DiskUsedGB, DiskFreeGB: inv.DiskFreeGB,
		ReservedMB: a.Config.ReservedHostMemoryMB, ReservedDiskGB: (a.Config.ReservedHostDiskMB + 1023) / 1024,
		CPUInfo: string(cpu), Uptime: uptime(a.Clock.Now(), inv), Supported: inv.Supported, Traits: inv.Traits,
		WaitsForPorts: a.Config.WaitForPorts, Guests: []rpcapi.GuestState{}}
	for _, g := range guests {
		r.Guests = append(r.Guests, guestState(g))
	}
	return r, nil
}

func guestState(g virt.GuestState) rpcapi.GuestState {
	out := rpcapi.GuestState{ID: g.ID, Name: g.Name, Ours: g.Ours, Power: nova.PowerState(g.Power), Ports: []string{}}
	for _, n := range g.Interfaces {
		out.Ports = append(out.Ports, n.PortID)
	}
	return out
}

// uptime is a line as uptime(1) prints it.
func uptime(now time.Time, inv virt.Inventory) string {
	minutes := int(inv.Uptime.Minutes())
	up := fmt.Sprintf("%d min", minutes)
	if minutes >= 60 {
		up = fmt.Sprintf("%2d:%02d", minutes/60%24, minutes%60)
	}
	switch days := minutes / (24 * 60); {
	case days == 1:
		up = "1 day, " + up
	case days > 1:
		up = fmt.Sprintf("%d days, %s", days, up)
	}
	users := "users"
	if inv.Users == 1 {
		users = "user"
	}
	return fmt.Sprintf(" %s up %s,  %d %s,  load average: %.2f, %.2f, %.2f", now.Format(time.TimeOnly), up, inv.Users, users,
		inv.Load[0], inv.Load[1], inv.Load[2])
}

// heartbeat says that this process lives.
func (a *Agent) heartbeat(ctx context.Context) error {
	_, err := rpcapi.Heartbeat.Call(ctx, a.Bus, rpcapi.ConductorTopic, rpcapi.HeartbeatRequest{Host: a.Host, Binary: "nova-compute"})
	if errors.Is(err, messaging.ErrNobody) {
		return nil // the report says so
	}
	return err
}

// noteChange remembers a guest to tell of; "" is all of them.
func (a *Agent) noteChange(id string) {
	if id == "" {
		wake(a.report)
		return
	}
	a.mu.Lock()
	a.changed[id] = true
	a.mu.Unlock()
	wake(a.tell)
}

// tellChanged tells the conductor the state of the guests that changed. It is a hint: what is lost is in the next report.
func (a *Agent) tellChanged(ctx context.Context) error {
	a.mu.Lock()
	ids := a.changed
	a.changed = map[string]bool{}
	a.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	r := rpcapi.GuestReport{Host: a.Host}
	for id := range ids {
		g, err := a.Driver.Guest(ctx, id)
		switch {
		case errors.Is(err, virt.ErrNoGuest):
			r.Guests = append(r.Guests, rpcapi.GuestState{ID: id, Power: nova.PowerNone, Ports: []string{}})
		case err != nil:
			return fmt.Errorf("state of guest %s: %w", id, err)
		default:
			r.Guests = append(r.Guests, guestState(g))
		}
	}
	return rpcapi.GuestsChanged.Cast(ctx, a.Bus, rpcapi.ConductorTopic, r)
}
