package agent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/messaging"
)

// MetadataConfig says where guests' requests go. URL or Handler is set.
type MetadataConfig struct {
	URL     string       // of nova's metadata service: "http://127.0.0.1:8775"
	Handler http.Handler // the same service within this process
	Secret  string       // shared with it: metadata_proxy_shared_secret
	Bus     messaging.Bus
}

// Metadata passes guests' metadata requests on to nova. It says who asks: the
// instance whose port has the request's source address on the very network or
// router that it came in by. What the guest says about itself is dropped.
type Metadata struct {
	secret []byte
	bus    messaging.Bus
	next   http.Handler
	state  atomic.Pointer[rpcapi.HostState]
}

// NewMetadata checks the configuration. Both the driver and the agent are given
// the value.
func NewMetadata(c MetadataConfig) (*Metadata, error) {
	m := &Metadata{secret: []byte(c.Secret), bus: c.Bus, next: c.Handler}
	if c.Handler == nil {
		target, err := url.Parse(c.URL)
		if err != nil || target.Host == "" {
			return nil, fmt.Errorf("metadata URL %q is not a URL", c.URL)
		}
		m.next = forward(target)
	}
	return m, nil
}

// forward sends requests to another process. The connection is plain, without
// proxies of the environment.
func forward(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("X-Forwarded-For", r.In.Header.Get("X-Forwarded-For"))
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			slog.WarnContext(r.Context(), "metadata service unreachable", "url", target.String(), "error", err)
			http.Error(w, "The remote metadata server is temporarily unavailable. Please try again later.", http.StatusServiceUnavailable)
		},
	}
}

func (m *Metadata) know(state *rpcapi.HostState) { m.state.Store(state) }

// Handler implements ml2.Metadata.
func (m *Metadata) Handler(scope ml2.Scope) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, "An unknown error has occurred. Please try your request again.", http.StatusInternalServerError)
			return
		}
		guest, err := m.guest(r.Context(), scope, from.Addr().Unmap())
		if errors.Is(err, errNoGuest) {
			http.NotFound(w, r)
			return
		} else if err != nil {
			slog.ErrorContext(r.Context(), "metadata request not resolved", "address", from, "error", err)
			http.Error(w, "An unknown error has occurred. Please try your request again.", http.StatusInternalServerError)
			return
		}
		out := r.Clone(r.Context())
		out.Header = m.headers(r.Header, guest, from.Addr().Unmap())
		m.next.ServeHTTP(w, out)
	})
}

// headers are the guest's without those that say who it is, and ours.
func (m *Metadata) headers(in http.Header, g rpcapi.Guest, from netip.Addr) http.Header {
	out := http.Header{}
	for name, values := range in {
		if !speaksOfIdentity(name) {
			out[name] = values
		}
	}
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte(g.DeviceID))
	out.Set("X-Forwarded-For", from.String())
	out.Set("X-Instance-ID", g.DeviceID)
	out.Set("X-Tenant-ID", g.ProjectID)
	out.Set("X-Instance-ID-Signature", hex.EncodeToString(mac.Sum(nil)))
	return out
}

// speaksOfIdentity tells the headers that nova believes. Some servers take an
// underscore for a dash.
func speaksOfIdentity(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	for _, prefix := range []string{"x-instance-id", "x-tenant-id", "x-project-id", "x-forwarded", "forwarded", "x-metadata-provider",
		"x-ovn-network-id", "x-neutron-", "x-lb-", "x-real-ip"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// errNoGuest means that nobody has the address there.
var errNoGuest = errors.New("no guest has this address")

// guest finds who has an address on a network or behind a router. Ports of
// this host are known; neutron-server knows those of others.
func (m *Metadata) guest(ctx context.Context, scope ml2.Scope, addr netip.Addr) (rpcapi.Guest, error) {
	state := m.state.Load()
	if state == nil {
		return rpcapi.Guest{}, errors.New("the host's state is not known yet")
	}
	networks := networksOf(state, scope)
	for _, p := range state.Ports {
		if slices.Contains(networks, p.NetworkID) && p.DeviceID != "" && hasAddress(p.FixedIPs, addr) {
			return rpcapi.Guest{PortID: p.ID, DeviceID: p.DeviceID, ProjectID: p.ProjectID}, nil
		}
	}
	if m.bus == nil || len(networks) == 0 {
		return rpcapi.Guest{}, errNoGuest
	}
	g, err := rpcapi.FindGuest.Call(ctx, m.bus, rpcapi.ServerTopic, rpcapi.GuestRequest{NetworkIDs: networks, Address: addr.String()})
	if err == nil && g.DeviceID == "" {
		err = errNoGuest
	}
	return g, err
}

func networksOf(state *rpcapi.HostState, scope ml2.Scope) []string {
	if scope.NetworkID != "" {
		return []string{scope.NetworkID}
	}
	var ids []string
	for _, r := range state.Routers {
		if r.ID == scope.RouterID {
			for _, i := range r.Interfaces {
				ids = append(ids, i.NetworkID)
			}
		}
	}
	return ids
}

func hasAddress(ips []rpcapi.FixedIP, addr netip.Addr) bool {
	return slices.ContainsFunc(ips, func(ip rpcapi.FixedIP) bool {
		a, err := netip.ParseAddr(ip.IPAddress)
		return err == nil && a == addr
	})
}
