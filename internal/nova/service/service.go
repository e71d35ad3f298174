// Package service is what calls on the Compute service mean: calls, the flows
// that carry long operations out, and the loops that compare rows with guests.
// It knows neither HTTP nor SQL.
package service

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/messaging"
)

// Images is Glance.
type Images interface {
	// Image is an image the caller may see; a 404 fault when there is none.
	Image(ctx context.Context, id string) (nova.Image, error)
}

// Networks is Neutron.
type Networks interface {
	// Resolve checks as the caller what a new server asks for and says which
	// ports it will get. Its faults are the tenant's to read.
	Resolve(ctx context.Context, w nova.NetworkWish) (nova.NetworkPlan, error)
	// EnsurePorts makes, or finds made, the server's ports, bound to its host.
	EnsurePorts(ctx context.Context, s nova.Server, wants []nova.NetworkRequest) ([]nova.VIF, error)
	// DeletePorts deletes the server's ports; those in keep are only unbound.
	DeletePorts(ctx context.Context, serverID string, keep []string) error
	// DeletePort deletes, or unbinds, one port.
	DeletePort(ctx context.Context, portID string, keep bool) error
	// VIFs reads the server's ports afresh; s.NetworkInfo gives their order.
	VIFs(ctx context.Context, s nova.Server) ([]nova.VIF, error)
	// VIFsOf is VIFs of several servers, by ID.
	VIFsOf(ctx context.Context, list []nova.Server) (map[string][]nova.VIF, error)
	// PortStates tells "ACTIVE", "DOWN", "BUILD" or "ERROR" for each of the server's ports.
	PortStates(ctx context.Context, serverID string) (map[string]string, error)
	// SecurityGroups lists the groups on each server's ports, as the caller, with their rules if asked.
	SecurityGroups(ctx context.Context, serverIDs []string, rules bool) (map[string][]nova.SecurityGroup, error)
	// GroupNames tells the names of security groups that the caller may see, by ID.
	GroupNames(ctx context.Context, ids []string) (map[string]string, error)
	// SetSecurityGroup adds a group, by name or ID, to all ports of a server, or takes it off.
	SetSecurityGroup(ctx context.Context, s nova.Server, group string, on bool) error
}

// Claims is Placement.
type Claims interface {
	// Candidates lists the hosts that could take the claim now.
	Candidates(ctx context.Context, r nova.ClaimRequest) ([]nova.Candidate, error)
	// Claim ensures the server's allocation on a provider; nova.ErrClaimLost when it no longer fits.
	Claim(ctx context.Context, s nova.Server, providerID string, r nova.Resources) error
	// Release deletes the server's allocations; none is success.
	Release(ctx context.Context, serverID string) error
	// EnsureProvider makes a host's provider say what the host reported.
	EnsureProvider(ctx context.Context, p nova.ProviderInventory) error
	// Capacity is what a provider offers and what of it is used, to explain a refusal.
	Capacity(ctx context.Context, providerID string) (map[string]nova.Capacity, error)
	// Consumers lists who holds allocations on a provider.
	Consumers(ctx context.Context, providerID string) ([]string, error)
}

// Config is the operator's wishes.
type Config struct {
	// VIFPluggingTimeout is how long a new guest waits for its ports to be ACTIVE.
	VIFPluggingTimeout time.Duration
	// ShutdownTimeout is how long a guest may take to end by itself when it is stopped.
	ShutdownTimeout time.Duration
	// SpawnTimeout bounds the making of a guest, its image's download included.
	SpawnTimeout time.Duration
	// MaxAttempts is how many hosts are tried for one server.
	MaxAttempts int
	// ForceConfigDrive gives every server a config drive.
	ForceConfigDrive bool
	// DHCPDomain is appended to the hostname in metadata; the default is novalocal, "-" appends nothing.
	DHCPDomain string
	// PasswordLength is that of generated administrator passwords.
	PasswordLength int
	// NoVNCURL, SerialURL are the base URLs of the console proxy; "" means that consoles of that kind are off.
	NoVNCURL, SerialURL string
	// ConsoleTTL is how long a console token may be used for the first time.
	ConsoleTTL time.Duration
	// VCPURatio, MemoryRatio, DiskRatio say how much more than a host has may be promised.
	VCPURatio, MemoryRatio, DiskRatio float64
	// DefaultZone is where hosts are that no aggregate puts elsewhere.
	DefaultZone string
	// SettleTime is how long a server is left alone after a change before what
	// its host reports is believed: reports and changes may cross.
	SettleTime time.Duration
}

// Defaults fills in what was left out.
func (c Config) Defaults() Config {
	durations := map[*time.Duration]time.Duration{&c.VIFPluggingTimeout: 5 * time.Minute, &c.ShutdownTimeout: time.Minute,
		&c.SpawnTimeout: 30 * time.Minute, &c.ConsoleTTL: 10 * time.Minute, &c.SettleTime: 10 * time.Second}
	for field, def := range durations {
		if *field == 0 {
			*field = def
		}
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 3
	}
	if c.PasswordLength == 0 {
		c.PasswordLength = 12
	}
	for field, def := range map[*float64]float64{&c.VCPURatio: 16, &c.MemoryRatio: 1.5, &c.DiskRatio: 1} {
		if *field == 0 {
			*field = def
		}
	}
	if c.DHCPDomain == "" {
		c.DHCPDomain = "novalocal"
	}
	if c.DefaultZone == "" {
		c.DefaultZone = nova.DefaultZone
	}
	return c
}

// Deps is what the service stands on.
type Deps struct {
	Store    *store.Store
	Bus      messaging.Bus
	Events   *messaging.Notifier // nil: nobody listens
	Clock    clock.Clock
	Images   Images
	Networks Networks
	Claims   Claims
	Projects Projects
	Config   Config
	Owner    string             // of this process's flows: unique and the same after a restart
	Host     string             // this controller's name, for its row in services
	Fail     func(point string) // failpoints, nil outside tests
}

// Service answers calls and runs flows. One value serves nova-api and
// nova-conductor, together or in processes of their own.
type Service struct {
	store    *store.Store
	bus      messaging.Bus
	events   *messaging.Notifier
	clock    clock.Clock
	images   Images
	networks Networks
	claims   Claims
	projects Projects
	cfg      Config
	host     string
	log      *slog.Logger

	flows   *flow.Engine
	creates flow.Starter[serverCreate]
	deletes flow.Starter[serverDelete]
	powers  flow.Starter[serverPower] // one at a time for each server
	forced  flow.Starter[serverPower] // hard reboots, which overtake the others

	rebuilds flow.Starter[serverRebuild]

	attaches, detaches flow.Starter[serverInterface] // one of both at a time for each server

	offers    offers
	beats     beats
	plugged   waiters
	unsettled hostSet       // hosts whose report said something of a server too young to judge
	synced    chan struct{} // wakes server_sync
	serving   atomic.Bool
}

// New makes the service; nothing runs before Serve.
func New(d Deps) *Service {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	s := &Service{store: d.Store, bus: d.Bus, events: d.Events, clock: d.Clock, images: d.Images, networks: d.Networks, claims: d.Claims, projects: d.Projects,
		cfg: d.Config.Defaults(), host: d.Host, log: slog.Default().With("service", "nova"), synced: make(chan struct{}, 1)}
	s.flows = flow.NewEngine(d.Store.DB(), flow.Options{Owner: d.Owner, Clock: d.Clock, Workers: flowWorkers, Fail: d.Fail})
	s.creates = flow.Register(s.flows, s.createFlow())
	s.deletes = flow.Register(s.flows, s.deleteFlow())
	s.powers = flow.Register(s.flows, s.powerFlow("server_power"))
	s.forced = flow.Register(s.flows, s.powerFlow("server_reboot_hard"))
	s.rebuilds = flow.Register(s.flows, s.rebuildFlow())
	s.attaches = flow.Register(s.flows, s.attachFlow())
	s.detaches = flow.Register(s.flows, s.detachFlow())
	return s
}

// FailPoints lists where Deps.Fail is called, flow by flow in running order. A
// test of recovery goes through all of them.
func FailPoints() []string {
	var s Service
	return slices.Concat(s.createFlow().Points(), s.deleteFlow().Points(), s.powerFlow("server_power").Points(),
		s.powerFlow("server_reboot_hard").Points(), s.rebuildFlow().Points(), s.attachFlow().Points(), s.detachFlow().Points())
}

// flowWorkers bounds the flows that one conductor runs at a time. They mostly wait for hosts.
const flowWorkers = 256
