package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/peers"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// What speaks to the real services is what the service asks for.
var (
	_ Images   = (*peers.Glance)(nil)
	_ Networks = (*peers.Neutron)(nil)
	_ Claims   = (*peers.Placement)(nil)
)

// rig is a Compute service with peers in memory.
type rig struct {
	*Service
	t        testing.TB
	ctx      context.Context // of a member
	bus      messaging.Bus
	networks *novatest.Networks
	claims   *novatest.Claims
	images   novatest.Images
}

// newRig makes a service that does not run yet.
func newRig(t testing.TB, change ...func(*Deps)) *rig {
	t.Helper()
	r := &rig{t: t, bus: novatest.Bus(t), networks: novatest.NewNetworks(), claims: novatest.NewClaims(), images: novatest.Cirros()}
	d := Deps{Store: store.New(dbtest.SQLite(t, store.Migrations), clock.System), Bus: r.bus, Clock: clock.System, Images: r.images,
		Networks: r.networks, Claims: r.claims, Owner: "test", Host: "controller",
		Config: Config{SettleTime: 50 * time.Millisecond, ShutdownTimeout: time.Second, NoVNCURL: "http://127.0.0.1:6080/vnc_auto.html"}}
	for _, c := range change {
		c(&d)
	}
	r.Service = New(d)
	r.ctx = auth.WithRequestID(auth.WithCaller(t.Context(), auth.Identity{UserID: "u", UserName: "user", ProjectID: "p", ProjectName: "project",
		Roles: []string{"member", "reader"}}), "req-"+uuid.New())
	for _, f := range novatest.Flavors() {
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertFlavor(ctx, &f) }))
	}
	return r
}

// serve runs nova-conductor until the test ends, or stop is called.
func (r *rig) serve() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Serve(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	for !r.serving.Load() {
		time.Sleep(time.Millisecond)
	}
	return stop
}

// known waits until hosts have reported, and Placement was told.
func (r *rig) known(hosts int) {
	r.t.Helper()
	r.eventually("hosts report", func() bool {
		list, err := r.claims.Candidates(r.ctx, nova.ClaimRequest{})
		r.must(err)
		return len(list) == hosts && r.claims.Providers() == hosts
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// eventually waits for a state.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

func request() nova.ServerRequest {
	return nova.ServerRequest{Name: "vm", FlavorID: "g1", ImageID: novatest.ImageID, MinCount: 1, MaxCount: 1,
		Networks: nova.NetworkWish{Networks: []nova.NetworkRequest{{NetworkID: novatest.NetworkID}}}}
}

// create asks for one server.
func (r *rig) create(change ...func(*nova.ServerRequest)) nova.Server {
	r.t.Helper()
	req := request()
	for _, c := range change {
		c(&req)
	}
	made, err := r.CreateServers(r.ctx, &req)
	r.must(err)
	return made[0]
}

// server reads a server, gone or not.
func (r *rig) server(id string) nova.Server {
	r.t.Helper()
	s, err := r.store.AnyServer(r.ctx, id)
	r.must(err)
	return s
}

// settled waits until no flow of the server lives, and returns it.
func (r *rig) settled(id string) nova.Server {
	r.t.Helper()
	r.eventually("flows end", func() bool {
		live, err := r.carried(r.ctx, id)
		r.must(err)
		return !live
	})
	return r.server(id)
}

func (r *rig) gone(id string) bool {
	_, err := r.store.Server(r.ctx, id)
	return errors.Is(err, db.ErrNoRow)
}
