package novatest

import (
	"context"
	"log/slog"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/agent"
	"nacre/internal/nova/virt/fake"
	"nacre/internal/oslo/messaging"
)

// Bus is an in-process bus that ends with the test.
func Bus(t testing.TB) messaging.Bus {
	t.Helper()
	bus, err := messaging.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

// HostOption changes a host of a test.
type HostOption func(*fake.Config, *agent.Config)

// WaitForPorts makes guests start paused until their ports are ACTIVE.
func WaitForPorts(_ *fake.Config, a *agent.Config) { a.WaitForPorts = true }

// Failing has the driver ask fn before each call.
func Failing(fn func(method, id string) error) HostOption {
	return func(f *fake.Config, _ *agent.Config) { f.Fail = fn }
}

// Host runs nova-compute with fake guests until the test ends, or stop is called.
func Host(t testing.TB, bus messaging.Bus, name string, opts ...HostOption) (d *fake.Driver, stop func()) {
	t.Helper()
	fc, ac := fake.Config{Hostname: name, Output: "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE"}, agent.Config{}
	for _, o := range opts {
		o(&fc, &ac)
	}
	d = fake.New(fc)
	return d, Serve(t, bus, name, d, ac)
}

// Serve runs nova-compute on a driver until the test ends, or stop is called.
func Serve(t testing.TB, bus messaging.Bus, name string, d *fake.Driver, cfg agent.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	a := agent.New(agent.Deps{Bus: bus, Driver: d, Host: name, Config: cfg, Log: slog.New(slog.DiscardHandler)})
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// Cirros is an image that boots.
func Cirros() Images {
	return Images{ImageID: {ID: ImageID, Name: "cirros", Status: "active", DiskFormat: "qcow2", ContainerFormat: "bare", SizeBytes: 30 << 20,
		Properties: map[string]string{}}}
}

// Flavors are those of the recorded exchanges.
func Flavors() []nova.Flavor {
	return []nova.Flavor{
		{FlavorID: "g1", Name: "g-small", MemoryMB: 64, VCPUs: 1, RootGB: 1, RXTXFactor: 1, IsPublic: true, ExtraSpecs: map[string]string{}},
		{FlavorID: "g2", Name: "g-big", MemoryMB: 128, VCPUs: 2, RootGB: 2, RXTXFactor: 1, IsPublic: true, ExtraSpecs: map[string]string{}},
		{FlavorID: "g3", Name: "g-huge", MemoryMB: 64, VCPUs: 1, RootGB: 900000, RXTXFactor: 1, IsPublic: true, ExtraSpecs: map[string]string{}},
	}
}

// AgentConfig are the options of nova-compute.
type AgentConfig = agent.Config
