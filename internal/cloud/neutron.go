package cloud

import (
	"context"
	"net/netip"

	"nacre/internal/neutron/agent"
	"nacre/internal/neutron/api"
	"nacre/internal/neutron/ml2/fake"
	"nacre/internal/neutron/ml2/linux"
	"nacre/internal/neutron/peers"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/service"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/httpapi"
)

var neutronEntry = Catalog{Name: "neutron", Type: "network", Port: 9696, Description: "OpenStack Networking"}

// Neutron is the network service.
var Neutron = Service{Name: "neutron", Catalog: neutronEntry,
	Processes: []Process{{Name: "neutron-server", Start: startNeutronServer}, {Name: "neutron-agent", Start: startNeutronAgent}},
	NewAPI:    func() (*httpapi.API, error) { return api.New(nil, httpapi.Door{}) }}

// The physical network and bridge that lead outside.
const (
	externalPhysnet = "public"
	externalBridge  = "br-ex"
)

func startNeutronServer(ctx context.Context, env *Env) (Running, error) {
	st, err := store.Open(ctx, env.Database("neutron"))
	if err != nil {
		return Running{}, err
	}
	svc := service.New(service.Deps{Store: st, Bus: env.Bus, Clock: env.Clock, Nova: peers.Nova(env.Session("neutron")), Config: service.DefaultConfig()})
	a, err := api.New(svc, env.Door("neutron"))
	if err != nil {
		return Running{}, err
	}
	stop, err := env.Bus.Serve(rpcapi.ServerTopic, svc.RPC())
	if err != nil {
		return Running{}, err
	}
	external := netip.MustParsePrefix(env.Config.External) // checked with the configuration
	return Running{API: a, Work: loops(svc.Loops()), Close: func() error { stop(); return st.Close() },
		Defaults: func(ctx context.Context, project string) error { return svc.EnsureDefaults(ctx, project, external) }}, nil
}

// startNeutronAgent runs this host's half of networking.
func startNeutronAgent(_ context.Context, env *Env) (Running, error) {
	if env.Config.VirtType == "fake" {
		return Running{Work: fakeAgents(env)}, nil
	}
	dir, err := env.Dir("neutron")
	if err != nil {
		return Running{}, err
	}
	meta, err := agent.NewMetadata(agent.MetadataConfig{Handler: env.Metadata(), Secret: env.Secrets.MetadataSecret, Bus: env.Bus})
	if err != nil {
		return Running{}, err
	}
	external := netip.MustParsePrefix(env.Config.External) // checked with the configuration
	gateway := netip.PrefixFrom(external.Masked().Addr().Next(), external.Bits())
	driver, err := linux.New(linux.Config{StateDir: dir, Prefix: env.Config.NetworkPrefix, TunnelIP: env.Config.TunnelIP,
		BridgeMappings: map[string]string{externalPhysnet: externalBridge}, Metadata: meta,
		Bridges: []linux.Bridge{{Name: externalBridge, Addresses: []string{gateway.String()}, Masquerade: true}}})
	if err != nil {
		return Running{}, err
	}
	a := agent.New(agent.Deps{Bus: env.Bus, Host: env.Config.Host, Driver: driver, Metadata: meta, Clock: env.Clock})
	return Running{Work: []func(context.Context) error{a.Run}, Close: func() error { driver.Close(); return nil }}, nil
}

// fakeAgents are the agents of the fake hypervisor's hosts.
func fakeAgents(env *Env) (work []func(context.Context) error) {
	for i, host := range env.fakeHosts() {
		work = append(work, agent.New(agent.Deps{Bus: env.Bus, Host: host, Driver: &fake.Driver{Gateway: i == 0}, Clock: env.Clock}).Run)
	}
	return work
}
