package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
)

// Serve is nova-conductor: it answers hosts, carries flows and runs the loops
// until ctx ends.
func (s *Service) Serve(ctx context.Context) error {
	stop, err := s.bus.Serve(rpcapi.ConductorTopic, s.methods())
	if err != nil {
		return fmt.Errorf("serve %s: %w", rpcapi.ConductorTopic, err)
	}
	defer stop()
	s.serving.Store(true)
	defer s.serving.Store(false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop.Run(ctx, s.Loops()...)
	}()
	err = s.flows.Run(ctx)
	if ctx.Err() == nil {
		return fmt.Errorf("flows: %w", err)
	}
	<-done
	return nil
}

func (s *Service) methods() messaging.Methods {
	m := messaging.Methods{}
	messaging.Handle(m, rpcapi.ComputeReport, s.computeReport)
	messaging.Handle(m, rpcapi.GuestsChanged, s.guestsChanged)
	messaging.Handle(m, rpcapi.Heartbeat, s.heartbeat)
	messaging.Handle(m, rpcapi.PortChanged, s.portChanged)
	messaging.Handle(m, rpcapi.FlowsWake, s.flowsWake)
	return m
}

// Loops are the reconcilers of nova-conductor.
func (s *Service) Loops() []loop.Loop {
	return []loop.Loop{
		{Name: "conductor_heartbeat", Every: rpcapi.HeartbeatEvery, Run: s.beat},
		{Name: "heartbeats", Every: time.Second, Run: s.writeBeats},
		{Name: "server_sync", Every: 15 * time.Second, Wake: s.synced, Run: s.syncServers},
		{Name: "network_sync", Every: 10 * time.Minute, Run: s.syncNetworks},
		{Name: "claim_sync", Every: 10 * time.Minute, Run: s.syncClaims},
	}
}

// beat records that this controller's processes live.
func (s *Service) beat(ctx context.Context) error {
	for _, binary := range []string{"nova-conductor", "nova-scheduler"} {
		if err := s.store.Heartbeat(ctx, s.host, binary); err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
	}
	return nil
}

// wakeConductor tells whoever carries flows that there is a new one, when this
// process does not. It is a hint: they look by themselves.
func (s *Service) wakeConductor(ctx context.Context) {
	if s.serving.Load() {
		return
	}
	if err := rpcapi.FlowsWake.Cast(ctx, s.bus, rpcapi.ConductorTopic, rpcapi.Done{}); err != nil {
		s.log.DebugContext(ctx, "no conductor was woken", "error", err)
	}
}

func (s *Service) flowsWake(context.Context, rpcapi.Done) (rpcapi.Done, error) {
	s.flows.Wake()
	return rpcapi.Done{}, nil
}

func (s *Service) portChanged(_ context.Context, e rpcapi.PortEvent) (rpcapi.Done, error) {
	s.plugged.signal(e.ServerID)
	return rpcapi.Done{}, nil
}

func (s *Service) heartbeat(_ context.Context, r rpcapi.HeartbeatRequest) (rpcapi.Done, error) {
	s.beats.add(r.Binary, r.Host)
	return rpcapi.Done{}, nil
}

// computeReport takes in the whole truth about a host.
func (s *Service) computeReport(ctx context.Context, r rpcapi.HostReport) (rpcapi.HostReportReply, error) {
	if r.Host == "" || r.Node == "" {
		return rpcapi.HostReportReply{}, errors.New("a report without host or node")
	}
	node, fresh, err := s.store.ReportHypervisor(ctx, hypervisor(r))
	if err != nil {
		return rpcapi.HostReportReply{}, fmt.Errorf("report: %w", err)
	}
	s.beats.add(computeBinary, r.Host)
	if fresh {
		if err := s.store.Heartbeat(ctx, r.Host, computeBinary); err != nil {
			return rpcapi.HostReportReply{}, fmt.Errorf("heartbeat: %w", err)
		}
	}
	if err := s.claims.EnsureProvider(ctx, s.inventory(node)); err != nil {
		return rpcapi.HostReportReply{}, fmt.Errorf("resource provider of %s: %w", r.Host, err)
	}
	if err := s.syncHost(ctx, r.Host, r.Guests); err != nil {
		return rpcapi.HostReportReply{}, fmt.Errorf("compare guests of %s: %w", r.Host, err)
	}
	return rpcapi.HostReportReply{ProviderID: node.ID}, nil
}

func (s *Service) guestsChanged(ctx context.Context, r rpcapi.GuestReport) (rpcapi.Done, error) {
	for _, g := range r.Guests {
		if err := s.syncGuest(ctx, r.Host, g); err != nil {
			return rpcapi.Done{}, err
		}
	}
	return rpcapi.Done{}, nil
}

func hypervisor(r rpcapi.HostReport) nova.Hypervisor {
	return nova.Hypervisor{Host: r.Host, Hostname: r.Node, Type: r.HypervisorType, Version: r.HypervisorVersion, HostIP: r.HostIP,
		VCPUs: r.VCPUs, MemoryMB: r.MemoryMB, LocalGB: r.DiskGB, VCPUsUsed: r.VCPUsUsed, MemoryMBUsed: r.MemoryMBUsed,
		LocalGBUsed: r.DiskGBUsed, DiskAvailableLeast: r.DiskFreeGB, RunningVMs: len(r.Guests), CPUInfo: r.CPUInfo, Uptime: r.Uptime,
		Traits: r.Traits, WaitsForPorts: r.WaitsForPorts, ReservedMB: r.ReservedMB, ReservedGB: r.ReservedDiskGB}
}

// inventory is what Placement is told of a host.
func (s *Service) inventory(n nova.Hypervisor) nova.ProviderInventory {
	return nova.ProviderInventory{ProviderID: n.ID, Name: n.Hostname, Traits: n.Traits, Inventory: map[string]nova.Capacity{
		nova.ClassVCPU:   {Total: n.VCPUs, MinUnit: 1, MaxUnit: n.VCPUs, Ratio: s.cfg.VCPURatio},
		nova.ClassMemory: {Total: n.MemoryMB, Reserved: n.ReservedMB, MinUnit: 1, MaxUnit: n.MemoryMB, Ratio: s.cfg.MemoryRatio},
		nova.ClassDisk:   {Total: n.LocalGB, Reserved: n.ReservedGB, MinUnit: 1, MaxUnit: n.LocalGB, Ratio: s.cfg.DiskRatio},
	}}
}
