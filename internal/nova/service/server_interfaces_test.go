package service

import (
	"context"
	"errors"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow/flowtest"
	"nacre/internal/oslo/uuid"
)

// built is a rig with one active server on one host.
func built(t *testing.T) (*rig, nova.Server, func() int) {
	t.Helper()
	r := newRig(t)
	stop := r.serve()
	host, _ := novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create().ID)
	if srv.Status() != "ACTIVE" {
		t.Fatalf("%s: %+v", srv.Status(), srv.Fault)
	}
	_ = stop
	nics := func() int {
		g, err := host.Guest(r.ctx, srv.ID)
		r.must(err)
		return len(g.Interfaces)
	}
	return r, srv, nics
}

// request makes what follows a new request of the same caller.
func (r *rig) request() {
	r.ctx = auth.WithRequestID(r.ctx, "req-"+uuid.New())
}

func TestInterfaceComesAndGoes(t *testing.T) {
	r, srv, nics := built(t)
	r.request()
	got, err := r.AttachInterface(r.ctx, srv, nova.NetworkRequest{NetworkID: novatest.NetworkID}, false)
	r.must(err)
	if now := r.server(srv.ID); len(now.NetworkInfo) != 2 || nics() != 2 || now.NetworkInfo[1].PortID != got.PortID || got.NetworkID != novatest.NetworkID {
		t.Errorf("%+v, %d NICs, ports %+v", got, nics(), now.NetworkInfo)
	}
	srv = r.server(srv.ID)
	if again, err := r.Interface(r.ctx, srv, got.PortID); err != nil || again.PortID != got.PortID || again.State == "" {
		t.Errorf("%+v %v", again, err)
	}
	if _, err := r.Interface(r.ctx, srv, uuid.New()); !fault.Is(err, 404) {
		t.Error(err)
	}
	r.request()
	r.must(r.DetachInterface(r.ctx, srv, got.PortID))
	r.eventually("the port is gone", func() bool {
		all, _ := r.networks.Ports()
		return all == 1 && len(r.server(srv.ID).NetworkInfo) == 1 && nics() == 1
	})
	actions, _ := r.actions(srv.ID)
	if len(actions) != 3 || actions[0].Message != nil {
		t.Errorf("%+v", actions)
	}
}

func TestInterfaceRefused(t *testing.T) {
	r, srv, nics := built(t)
	locked, building := srv, srv
	locked.Locked = true
	building.VMState = nova.Building
	for name, tc := range map[string]struct {
		srv  nova.Server
		want nova.NetworkRequest
		text string
	}{
		"locked":     {locked, nova.NetworkRequest{NetworkID: novatest.NetworkID}, "Instance " + srv.ID + " is locked"},
		"building":   {building, nova.NetworkRequest{NetworkID: novatest.NetworkID}, "Cannot 'attach_interface' instance " + srv.ID + " while it is in vm_state building"},
		"no network": {srv, nova.NetworkRequest{NetworkID: uuid.New()}, ""},
	} {
		r.request()
		_, err := r.AttachInterface(r.ctx, tc.srv, tc.want, false)
		if f, ok := fault.Of(err); !ok || tc.text != "" && f.Message != tc.text {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.DetachInterface(r.ctx, srv, uuid.New()); !fault.Is(err, 404) {
		t.Error(err)
	}
	if all, _ := r.networks.Ports(); all != 1 || nics() != 1 {
		t.Errorf("%d ports, %d NICs", all, nics())
	}
}

func TestInterfaceFailsOnTheHost(t *testing.T) {
	r := newRig(t)
	r.serve()
	failing := false
	host, _ := novatest.Host(t, r.bus, "fake1", novatest.Failing(func(method, _ string) error {
		if failing && method == "AttachInterface" {
			return errors.New("no slot is free")
		}
		return nil
	}))
	r.known(1)
	srv := r.settled(r.create().ID)
	failing = true
	r.request()
	_, err := r.AttachInterface(r.ctx, srv, nova.NetworkRequest{NetworkID: novatest.NetworkID}, false)
	if f, ok := fault.Of(err); !ok || f.Status != 500 {
		t.Errorf("%v", err)
	}
	if all, _ := r.networks.Ports(); all != 1 || len(r.server(srv.ID).NetworkInfo) != 1 {
		t.Errorf("%d ports are left, the row knows %d", all, len(r.server(srv.ID).NetworkInfo))
	}
	_ = host
	if actions, events := r.actions(srv.ID); actions[0].Message == nil || *events[0].Result != "Error" {
		t.Errorf("%+v %+v", actions, events)
	}
}

// Attaching survives a failure and a lost process at every point, and leaves nothing behind.
func TestAttachFlow(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[serverInterface] {
		r := newRig(t)
		stop := r.serve()
		host, _ := novatest.Host(t, r.bus, "fake1")
		r.known(1)
		srv := r.settled(r.create().ID)
		stop()
		nics := func() int { g, _ := host.Guest(r.ctx, srv.ID); return len(g.Interfaces) }
		check := func(want int) func(*testing.T) {
			return func(t *testing.T) {
				if all, _ := r.networks.Ports(); all != want || nics() != want || len(r.server(srv.ID).NetworkInfo) != want {
					t.Errorf("%d ports, %d NICs, %d known; want %d", all, nics(), len(r.server(srv.ID).NetworkInfo), want)
				}
			}
		}
		return flowtest.World[serverInterface]{DB: r.store.DB(), Flow: r.attachFlow(),
			State: serverInterface{ServerID: srv.ID, Want: nova.NetworkRequest{NetworkID: novatest.NetworkID}, Known: portIDs(srv.NetworkInfo)},
			Done:  check(2), Undone: check(1)}
	})
}

// A process that is lost after it made the port leaves one that the server's row may learn of before the step runs
// again: it is the same port then, and the one that an undo deletes.
func TestAttachKnowsItsPortAgain(t *testing.T) {
	r := newRig(t)
	r.serve()
	novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create().ID)
	r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.BeginAction(ctx, srv.ID, "attach_interface") }))
	recorded := serverInterface{ServerID: srv.ID, Want: nova.NetworkRequest{NetworkID: novatest.NetworkID}, Known: portIDs(srv.NetworkInfo)}
	lost, again, undone := recorded, recorded, recorded
	r.must(r.ensurePort(r.ctx, &lost))
	r.must(r.RefreshNetworks(r.ctx, srv))
	r.must(r.ensurePort(r.ctx, &again))
	if all, _ := r.networks.Ports(); all != 2 || again.VIF.PortID != lost.VIF.PortID {
		t.Errorf("%d ports; it was %s and is %s", all, lost.VIF.PortID, again.VIF.PortID)
	}
	r.must(r.dropPort(r.ctx, &undone))
	if all, _ := r.networks.Ports(); all != 1 {
		t.Errorf("%d ports are left", all)
	}
}
