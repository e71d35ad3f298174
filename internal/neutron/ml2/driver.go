package ml2

import (
	"context"
	"net/http"

	"nacre/internal/neutron/rpcapi"
)

// Driver is the host's half of a mechanism driver: it makes the host's links,
// namespaces, filters and DHCP servers what neutron-server says they should
// be. It keeps no record of its own that matters: it compares what should be
// with what is, and closes the gap both ways. Apply calls never overlap.
type Driver interface {
	// Apply closes the gap between the host and want. What cannot be applied is
	// named in the status and never stops the rest; the error is for what
	// stopped everything. With full set nothing remembered is trusted and
	// orphans are looked for everywhere.
	Apply(ctx context.Context, want rpcapi.HostState, full bool) (Status, error)
	// Watch tells changed, within milliseconds, of every port that came up or
	// went down, until ctx ends. Ports that Apply brings up are told here too.
	// changed is called once at a time, in order, and calls nothing of the driver.
	Watch(ctx context.Context, changed func(rpcapi.PortStatus)) error
	// Agents are the roles that the driver plays on this host.
	Agents() []rpcapi.Agent
	// TunnelIP is where other hosts send tunnelled packets, "" for nowhere.
	TunnelIP() string
	// Close ends what lives in this process (listeners, sockets). Links,
	// filters and DHCP servers stay: guests must not notice.
	Close()
}

// Blind is implemented by drivers that look at neither filters nor tunnels:
// what many hosts hold for those is not gathered for them.
type Blind interface{ Blind() }

// Status is what Apply found, in full.
type Status struct {
	Ports       []rpcapi.PortStatus
	Routers     []rpcapi.Status
	FloatingIPs []rpcapi.Status
	DHCP        []rpcapi.Status
	Errors      []rpcapi.ObjectError
}

// Scope names the network or the router whose namespace a metadata request
// arrived in: an address means something only there.
type Scope struct {
	NetworkID string
	RouterID  string
}

// Metadata answers guests' requests to 169.254.169.254.
type Metadata interface {
	// Handler answers the requests of one scope, where RemoteAddr of a request
	// is the guest's address.
	Handler(scope Scope) http.Handler
}
