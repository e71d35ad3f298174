package agent

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/ml2/linux"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// server plays neutron-server.
type server struct {
	mu      sync.Mutex
	state   rpcapi.HostState
	asked   int
	reports []rpcapi.Report
	deaf    bool // reports are refused
	wake    chan struct{}
}

func (s *server) serve(t *testing.T, bus messaging.Bus) {
	t.Helper()
	s.wake = make(chan struct{}, 1000)
	m := messaging.Methods{}
	messaging.Handle(m, rpcapi.GetHostState, func(_ context.Context, q rpcapi.HostStateRequest) (rpcapi.HostState, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if q.HaveRevision == s.state.Revision {
			return rpcapi.HostState{Revision: s.state.Revision, Unchanged: true}, nil
		}
		return s.state, nil
	})
	messaging.Handle(m, rpcapi.SendReport, func(_ context.Context, r rpcapi.Report) (rpcapi.ReportReply, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.deaf {
			return rpcapi.ReportReply{}, fmt.Errorf("deaf")
		}
		s.reports = append(s.reports, r)
		s.wake <- struct{}{}
		return rpcapi.ReportReply{Revision: s.state.Revision}, nil
	})
	messaging.Handle(m, rpcapi.FindGuest, func(_ context.Context, q rpcapi.GuestRequest) (rpcapi.Guest, error) {
		if q.Address == "10.0.0.99" && slices.Equal(q.NetworkIDs, []string{"net"}) {
			return rpcapi.Guest{PortID: "far", DeviceID: "far-instance", ProjectID: "far-project"}, nil
		}
		return rpcapi.Guest{}, nil
	})
	stop, err := bus.Serve(rpcapi.ServerTopic, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

// set makes a new revision.
func (s *server) set(change func(*rpcapi.HostState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	s.state.Revision++
}

// wait waits for a report that ok likes.
func (s *server) wait(t *testing.T, what string, ok func(rpcapi.Report) bool) rpcapi.Report {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.reports, ok)
		if i >= 0 {
			r := s.reports[i]
			s.reports = s.reports[i+1:]
			s.mu.Unlock()
			return r
		}
		s.mu.Unlock()
		select {
		case <-s.wake:
		case <-timeout:
			t.Fatalf("no report: %s", what)
		}
	}
}

func hasPort(id, status string) func(rpcapi.Report) bool {
	return func(r rpcapi.Report) bool {
		return slices.ContainsFunc(r.Ports, func(p rpcapi.PortStatus) bool { return p.ID == id && p.Status == status })
	}
}

// fakeDriver remembers what it was told and reports what it is told to.
type fakeDriver struct {
	mu      sync.Mutex
	applied []rpcapi.HostState
	fulls   int
	status  ml2.Status
	changed func(rpcapi.PortStatus)
}

func (d *fakeDriver) Apply(_ context.Context, want rpcapi.HostState, full bool) (ml2.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.applied = append(d.applied, want)
	if full {
		d.fulls++
	}
	return d.status, nil
}

func (d *fakeDriver) Watch(ctx context.Context, changed func(rpcapi.PortStatus)) error {
	d.mu.Lock()
	d.changed = changed
	d.mu.Unlock()
	<-ctx.Done()
	return nil
}
func (d *fakeDriver) Agents() []rpcapi.Agent { return []rpcapi.Agent{{Type: rpcapi.AgentL2}} }
func (d *fakeDriver) TunnelIP() string       { return "192.0.2.1" }
func (d *fakeDriver) Close()                 {}

func start(t *testing.T, d Deps) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(d).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func newBus(t *testing.T) messaging.Bus {
	t.Helper()
	bus, err := messaging.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

func TestAgentFollowsItsServer(t *testing.T) {
	bus, srv, driver := newBus(t), &server{}, &fakeDriver{}
	srv.serve(t, bus)
	start(t, Deps{Bus: bus, Host: "h1", Driver: driver, Resync: time.Hour})
	first := srv.wait(t, "heartbeat", func(r rpcapi.Report) bool { return r.TunnelIP == "192.0.2.1" })
	if first.Host != "h1" || len(first.Agents) != 1 {
		t.Errorf("%+v", first)
	}
	time.Sleep(50 * time.Millisecond)
	driver.mu.Lock()
	if len(driver.applied) > 0 {
		t.Error("applied the state of a server that does not know the host")
	}
	driver.status = ml2.Status{Routers: []rpcapi.Status{{ID: "r", Status: "ACTIVE"}}, Errors: []rpcapi.ObjectError{{Kind: "port", ID: "p", Error: "odd"}}}
	driver.mu.Unlock()

	srv.set(func(s *rpcapi.HostState) { s.Ports = []rpcapi.Port{{ID: "p", Status: "DOWN"}} })
	if err := rpcapi.TellChanged.Cast(t.Context(), bus, rpcapi.AgentTopic("h1"), rpcapi.Changed{Revision: 1}); err != nil {
		t.Fatal(err)
	}
	r := srv.wait(t, "revision 1", func(r rpcapi.Report) bool { return r.Revision == 1 })
	if len(r.Routers) != 1 || len(r.Errors) != 1 {
		t.Errorf("%+v", r)
	}
	driver.mu.Lock()
	driver.status = ml2.Status{}
	if driver.fulls != 1 {
		t.Errorf("%d full rounds", driver.fulls)
	}
	driver.mu.Unlock()
	srv.wait(t, "the error is gone", func(r rpcapi.Report) bool { return len(r.Errors) == 0 })

	srv.mu.Lock()
	srv.deaf = true
	srv.mu.Unlock()
	driver.changed(rpcapi.PortStatus{ID: "p", Status: "ACTIVE"})
	time.Sleep(50 * time.Millisecond)
	srv.set(func(s *rpcapi.HostState) { s.Ports = nil }) // and this hint is lost
	srv.mu.Lock()
	srv.deaf = false
	srv.mu.Unlock()
	srv.wait(t, "news given back", hasPort("p", "ACTIVE"))
	srv.wait(t, "revision 2 without a hint", func(r rpcapi.Report) bool { return r.Revision == 2 })
}

func TestMetadataHeaders(t *testing.T) {
	bus := newBus(t)
	(&server{}).serve(t, bus)
	var got http.Header
	meta, err := NewMetadata(MetadataConfig{Secret: "s3cret", Bus: bus, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header })})
	if err != nil {
		t.Fatal(err)
	}
	meta.know(&rpcapi.HostState{Ports: []rpcapi.Port{
		{ID: "p1", NetworkID: "net", DeviceID: "i1", ProjectID: "t1", FixedIPs: []rpcapi.FixedIP{{IPAddress: "10.0.0.5"}}},
		{ID: "p2", NetworkID: "other", DeviceID: "i2", ProjectID: "t2", FixedIPs: []rpcapi.FixedIP{{IPAddress: "10.0.0.5"}}}},
		Routers: []rpcapi.Router{{ID: "r", Interfaces: []rpcapi.RouterInterface{{NetworkID: "other"}}}}})
	for name, tc := range map[string]struct {
		scope            ml2.Scope
		from             string
		status           int
		instance, tenant string
	}{
		"network":              {ml2.Scope{NetworkID: "net"}, "10.0.0.5:1", 200, "i1", "t1"},
		"router":               {ml2.Scope{RouterID: "r"}, "10.0.0.5:1", 200, "i2", "t2"},
		"guest elsewhere":      {ml2.Scope{NetworkID: "net"}, "10.0.0.99:1", 200, "far-instance", "far-project"},
		"unknown address":      {ml2.Scope{NetworkID: "net"}, "10.0.0.6:1", 404, "", ""},
		"address of elsewhere": {ml2.Scope{RouterID: "r"}, "10.0.0.99:1", 404, "", ""},
		"unknown router":       {ml2.Scope{RouterID: "x"}, "10.0.0.5:1", 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got = nil
			r, _ := http.NewRequest("GET", "/latest/meta-data", nil)
			r.RemoteAddr = tc.from
			forged := http.Header{"X-Instance-Id": {"i9"}, "X_instance_id": {"i9"}, "X-Tenant-Id": {"t9"}, "X-Forwarded-For": {"1.1.1.1"},
				"X-Instance-Id-Signature": {"9"}, "X-Metadata-Provider": {"9"}, "X-Forwarded-Host": {"9"}}
			r.Header = maps.Clone(forged)
			r.Header.Set("Accept", "text/plain")
			w := &recorder{header: http.Header{}, status: 200}
			meta.Handler(tc.scope).ServeHTTP(w, r)
			if w.status != tc.status {
				t.Fatalf("status %d", w.status)
			}
			if tc.status != 200 {
				return
			}
			mac := hmac.New(sha256.New, []byte("s3cret"))
			mac.Write([]byte(tc.instance))
			host, _, _ := net.SplitHostPort(tc.from)
			want := http.Header{"Accept": {"text/plain"}, "X-Instance-Id": {tc.instance}, "X-Tenant-Id": {tc.tenant},
				"X-Forwarded-For": {host}, "X-Instance-Id-Signature": {hex.EncodeToString(mac.Sum(nil))}}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("nova saw %v, want %v", got, want)
			}
		})
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// TestAgentWithKernel runs the whole agent on a host of its own: a guest's tap
// makes its port ACTIVE, and the guest is known to the metadata service.
func TestAgentWithKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	host, guest := "at"+uuid.Hex()[:8], "ag"+uuid.Hex()[:8]
	for _, name := range []string{host, guest} {
		ip(t, "netns add "+name)
		t.Cleanup(func() { ip(t, "netns del "+name) })
	}
	bus, srv := newBus(t), &server{}
	srv.serve(t, bus)
	nova := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Instance-ID"), " ", r.URL.Path)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go nova.Serve(l)
	t.Cleanup(func() { nova.Close() })
	meta, err := NewMetadata(MetadataConfig{URL: "http://" + l.Addr().String(), Secret: "s", Bus: bus})
	if err != nil {
		t.Fatal(err)
	}
	driver, err := linux.New(linux.Config{StateDir: t.TempDir(), Namespace: "/run/netns/" + host, Prefix: host + "-", Metadata: meta})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(driver.Close)
	t.Cleanup(func() { driver.Apply(context.Background(), rpcapi.HostState{}, true) })

	network, subnet, port, server := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	at := func(a string) []rpcapi.FixedIP {
		return []rpcapi.FixedIP{{SubnetID: subnet, IPAddress: a, PrefixLen: 24}}
	}
	srv.set(func(s *rpcapi.HostState) {
		s.Networks = []rpcapi.Network{{ID: network, Type: "vxlan", SegmentationID: 7, MTU: 1450, Bridge: rpcapi.BridgeName(network), AdminStateUp: true,
			Subnets: []rpcapi.Subnet{{ID: subnet, IPVersion: 4, CIDR: "10.0.0.0/24", EnableDHCP: true}},
			DHCP:    &rpcapi.DHCP{Port: rpcapi.Port{ID: uuid.New(), MAC: "fa:16:3e:00:00:02", FixedIPs: at("10.0.0.2")}}}}
	})
	start(t, Deps{Bus: bus, Host: "h1", Driver: driver, Metadata: meta})
	srv.wait(t, "network applied", func(r rpcapi.Report) bool { return len(r.DHCP) == 1 && r.DHCP[0].Status == "ACTIVE" })
	tap := rpcapi.TapName(port)
	srv.set(func(s *rpcapi.HostState) {
		s.Ports = []rpcapi.Port{{ID: port, NetworkID: network, MAC: "fa:16:3e:00:00:05", FixedIPs: at("10.0.0.5"), PortSecurity: true,
			DeviceID: server, DeviceOwner: "compute:nova", AdminStateUp: true, Status: "DOWN", Tap: tap}}
		s.SecurityGroups = []rpcapi.SecurityGroup{}
	})
	begin := time.Now()
	rpcapi.TellChanged.Cast(t.Context(), bus, rpcapi.AgentTopic("h1"), rpcapi.Changed{})
	srv.wait(t, "revision 2", func(r rpcapi.Report) bool { return r.Revision == 2 })
	t.Logf("a new port filtered %v after the hint", time.Since(begin))
	ip(t, "-n "+host+" link add "+tap+" type veth peer name eth0 netns "+guest+" address fa:16:3e:00:00:05")
	ip(t, "-n "+guest+" link set eth0 up")
	ip(t, "-n "+guest+" addr add 10.0.0.5/24 dev eth0")
	ip(t, "-n "+guest+" route add 169.254.169.254/32 via 10.0.0.2")
	ip(t, "-n "+host+" link set "+tap+" master "+rpcapi.BridgeName(network)+" up")
	begin = time.Now()
	srv.wait(t, "port ACTIVE", hasPort(port, "ACTIVE"))
	t.Logf("reported ACTIVE %v after the tap was on its bridge", time.Since(begin))

	// Security groups of this port let nothing out, not even to metadata: as in the original.
	srv.set(func(s *rpcapi.HostState) {
		s.SecurityGroups = []rpcapi.SecurityGroup{{ID: "g", Stateful: true, Rules: []rpcapi.Rule{{Direction: "egress", EtherType: "IPv4"}}}}
		s.Ports[0].SecurityGroups = []string{"g"}
	})
	rpcapi.TellChanged.Cast(t.Context(), bus, rpcapi.AgentTopic("h1"), rpcapi.Changed{})
	srv.wait(t, "revision 3", func(r rpcapi.Report) bool { return r.Revision == 3 })
	if got := ask(t, guest); got != server+" /latest/meta-data/" {
		t.Errorf("metadata said %q", got)
	}
	ip(t, "-n "+host+" link del "+tap)
	srv.wait(t, "port DOWN", hasPort(port, "DOWN"))
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// ask gets metadata from within a guest, forging a header.
func ask(t *testing.T, guest string) string {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(50 * time.Millisecond) {
		conn, err := dialFrom(guest, "169.254.169.254:80")
		if err != nil {
			continue
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /latest/meta-data/ HTTP/1.0\r\nX-Instance-ID: forged\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	return "nothing"
}

func dialFrom(name, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends in its namespace
		ns, openErr := netns.GetFromName(name)
		if err = openErr; err == nil {
			defer ns.Close()
			if err = netns.Set(ns); err == nil {
				conn, err = net.DialTimeout("tcp4", address, time.Second)
			}
		}
	}()
	<-done
	return conn, err
}
