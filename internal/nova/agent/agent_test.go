package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/fake"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// conductor hears what agents say.
type conductor struct {
	mu      sync.Mutex
	reports []rpcapi.HostReport
	changes []rpcapi.GuestState
	beats   int
}

func (c *conductor) serve(t *testing.T, bus messaging.Bus) {
	t.Helper()
	m := messaging.Methods{}
	messaging.Handle(m, rpcapi.ComputeReport, func(_ context.Context, r rpcapi.HostReport) (rpcapi.HostReportReply, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.reports = append(c.reports, r)
		return rpcapi.HostReportReply{}, nil
	})
	messaging.Handle(m, rpcapi.GuestsChanged, func(_ context.Context, r rpcapi.GuestReport) (rpcapi.Done, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changes = append(c.changes, r.Guests...)
		return rpcapi.Done{}, nil
	})
	messaging.Handle(m, rpcapi.Heartbeat, func(context.Context, rpcapi.HeartbeatRequest) (rpcapi.Done, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.beats++
		return rpcapi.Done{}, nil
	})
	stop, err := bus.Serve(rpcapi.ConductorTopic, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

// until waits for something to be true of the conductor.
func (c *conductor) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		done := ok()
		c.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// start runs an agent named after the test on a bus of its own.
func start(t *testing.T, cfg fake.Config) (messaging.Bus, *conductor, string) {
	t.Helper()
	bus, err := messaging.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	c := &conductor{}
	c.serve(t, bus)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	a := New(Deps{Bus: bus, Driver: fake.New(cfg), Host: "host-1", Config: Config{WaitForPorts: true}})
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c.until(t, "a report", func() bool { return len(c.reports) > 0 })
	return bus, c, rpcapi.ComputeTopic("host-1")
}

func request() rpcapi.SpawnRequest {
	port := uuid.New()
	return rpcapi.SpawnRequest{ServerID: uuid.New(), Name: "instance-00000001", Paused: true,
		Flavor: nova.Flavor{Name: "m1.tiny", VCPUs: 1, MemoryMB: 512, RootGB: 1},
		Image:  nova.Image{ID: uuid.New(), DiskFormat: "qcow2"},
		VIFs:   []nova.VIF{{PortID: port, MAC: "fa:16:3e:00:00:01", Bridge: "brq1", Tap: "tap" + port[:11], Type: "bridge"}}}
}

func TestLife(t *testing.T) {
	bus, c, topic := start(t, fake.Config{Hostname: "node-1", Output: "one\ntwo\n"})
	ctx, q := t.Context(), request()
	reply, err := rpcapi.Spawn.Call(ctx, bus, topic, q)
	if err != nil || !reply.Paused || reply.RootDeviceName != "/dev/vda" {
		t.Fatalf("spawn: %+v %v", reply, err)
	}
	for _, step := range []struct {
		verb rpcapi.PowerVerb
		want nova.PowerState
	}{
		{rpcapi.PowerUnpause, nova.PowerRunning}, {rpcapi.PowerPause, nova.PowerPaused}, {rpcapi.PowerUnpause, nova.PowerRunning},
		{rpcapi.PowerSuspend, nova.PowerSuspended}, {rpcapi.PowerResume, nova.PowerRunning}, {rpcapi.PowerRebootSoft, nova.PowerRunning},
		{rpcapi.PowerRebootHard, nova.PowerRunning}, {rpcapi.PowerStop, nova.PowerShutdown}, {rpcapi.PowerStart, nova.PowerRunning},
	} {
		got, err := rpcapi.Power.Call(ctx, bus, topic, rpcapi.PowerRequest{ServerID: q.ServerID, Verb: step.verb})
		if err != nil || got.Power != step.want {
			t.Errorf("%s: %+v %v", step.verb, got, err)
		}
	}
	if out, err := rpcapi.ConsoleOutput.Call(ctx, bus, topic, rpcapi.ConsoleOutputRequest{ServerID: q.ServerID, Lines: 1}); err != nil || out.Output != "two" {
		t.Errorf("console: %q %v", out.Output, err)
	}
	if at, err := rpcapi.RemoteConsole.Call(ctx, bus, topic, rpcapi.RemoteConsoleRequest{ServerID: q.ServerID, Protocol: "vnc"}); err != nil || at.Address == "" {
		t.Errorf("vnc: %+v %v", at, err)
	}
	if _, err := rpcapi.RemoteConsole.Call(ctx, bus, topic, rpcapi.RemoteConsoleRequest{ServerID: q.ServerID, Protocol: "rdp"}); !fault.Is(err, 400) {
		t.Errorf("rdp: %v", err)
	}
	if d, err := rpcapi.Diagnostics.Call(ctx, bus, topic, rpcapi.GuestRequest{ServerID: q.ServerID}); err != nil || d.State != "running" || len(d.NICs) != 1 {
		t.Errorf("diagnostics: %+v %v", d, err)
	}
	if _, err := rpcapi.ReportNow.Call(ctx, bus, topic, rpcapi.Done{}); err != nil {
		t.Error(err)
	}
	c.until(t, "a report with the guest", func() bool {
		r := c.reports[len(c.reports)-1]
		return r.Node == "node-1" && r.WaitsForPorts && r.ReservedMB == 512 && len(r.Guests) == 1 && r.Guests[0].Ours && len(r.Guests[0].Ports) == 1
	})
	if _, err := rpcapi.Destroy.Call(ctx, bus, topic, rpcapi.DestroyRequest{ServerID: q.ServerID}); err != nil {
		t.Error(err)
	}
	c.until(t, "word of the guest's end", func() bool {
		return len(c.changes) > 0 && c.changes[len(c.changes)-1].Power == nova.PowerNone && c.beats > 0
	})
}

// TestRefusals wants the original's sentences.
func TestRefusals(t *testing.T) {
	var refuse error
	bus, _, topic := start(t, fake.Config{Fail: func(method, _ string) error {
		if method == "Spawn" {
			return refuse
		}
		return nil
	}})
	for _, tc := range []struct {
		refuse error
		status int
		want   string
	}{
		{&virt.DiskTooSmallError{DiskBytes: 1, ImageBytes: 2}, 400, "Flavor's disk is too small for requested image. Flavor disk is 1 bytes, image is 2 bytes."},
		{virt.ErrImage, 400, "is unacceptable"},
		{errors.New("qemu is on fire"), 0, "qemu is on fire"},
	} {
		refuse = tc.refuse
		_, err := rpcapi.Spawn.Call(t.Context(), bus, topic, request())
		if err == nil || !strings.Contains(err.Error(), tc.want) || tc.status > 0 && !fault.Is(err, tc.status) {
			t.Errorf("%v: %v", tc.refuse, err)
		}
	}
	if _, err := rpcapi.Power.Call(t.Context(), bus, topic, rpcapi.PowerRequest{ServerID: "s", Verb: rpcapi.PowerStop}); !fault.Is(err, 404) {
		t.Errorf("absent guest: %v", err)
	}
}

// TestFence has a process that lost its operation come too late.
func TestFence(t *testing.T) {
	bus, _, topic := start(t, fake.Config{})
	ctx := auth.WithRequestID(t.Context(), "req-1")
	q := request()
	q.Fence = 2
	if _, err := rpcapi.Spawn.Call(ctx, bus, topic, q); err != nil {
		t.Fatal(err)
	}
	if _, err := rpcapi.Destroy.Call(ctx, bus, topic, rpcapi.DestroyRequest{ServerID: q.ServerID, Fence: 1}); !fault.Is(err, 409) {
		t.Errorf("the older one: %v", err)
	}
	if _, err := rpcapi.Destroy.Call(auth.WithRequestID(ctx, "req-2"), bus, topic, rpcapi.DestroyRequest{ServerID: q.ServerID, Fence: 1}); err != nil {
		t.Errorf("another operation: %v", err)
	}
}

func TestConfigDrive(t *testing.T) {
	a := New(Deps{})
	q := request()
	q.ConfigDrive = true
	q.Instance = rpcapi.Instance{DisplayName: "Web 1", Hostname: "web-1", ProjectID: "p", KeyName: "k", KeyType: "ssh", PublicKey: "ssh-ed25519 AAAA",
		UserData: "IyEvYmluL3NoCg==", AdminPass: "secret", Metadata: map[string]string{"a": "b"},
		Files: []rpcapi.File{{Path: "/etc/motd", Contents: []byte("hi")}}}
	q.VIFs[0].FixedIPs = []nova.FixedIP{{Address: "10.0.0.5", Version: 4, CIDR: "10.0.0.0/24", Gateway: "10.0.0.1", DNS: []string{"10.0.0.2"}}}
	g, err := a.guest(q)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Hostname  string            `json:"hostname"`
		AdminPass string            `json:"admin_pass"`
		Keys      map[string]string `json:"public_keys"`
		Files     []map[string]string
	}
	if err := json.Unmarshal(g.ConfigDrive["openstack/latest/meta_data.json"], &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Hostname != "web-1.novalocal" || doc.AdminPass != "secret" || doc.Keys["k"] == "" || len(doc.Files) != 1 || doc.Files[0]["content_path"] != "/content/0000" {
		t.Errorf("%+v", doc)
	}
	for name, want := range map[string]string{"openstack/latest/user_data": "#!/bin/sh\n", "openstack/content/0000": "hi"} {
		if string(g.ConfigDrive[name]) != want {
			t.Errorf("%s: %q", name, g.ConfigDrive[name])
		}
	}
	if !strings.Contains(string(g.ConfigDrive["openstack/latest/network_data.json"]), "10.0.0.5") {
		t.Error("network_data.json lacks the address")
	}
}

func TestUptime(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 8, 7, 0, time.UTC)
	for up, want := range map[time.Duration]string{
		5 * time.Minute:             " 09:08:07 up 5 min,  0 users,  load average: 0.50, 0.00, 0.00",
		90 * time.Minute:            " 09:08:07 up  1:30,  0 users,  load average: 0.50, 0.00, 0.00",
		25*time.Hour + time.Minute:  " 09:08:07 up 1 day,  1:01,  0 users,  load average: 0.50, 0.00, 0.00",
		240*time.Hour + time.Minute: " 09:08:07 up 10 days,  0:01,  0 users,  load average: 0.50, 0.00, 0.00",
	} {
		if got := uptime(now, virt.Inventory{Uptime: up, Load: [3]float64{0.5}}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
