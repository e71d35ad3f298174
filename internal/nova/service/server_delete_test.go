package service

import (
	"context"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/store"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/flow/flowtest"
	"nacre/internal/oslo/uuid"
)

func TestServerIsDeleted(t *testing.T) {
	r, host, srv := active(t)
	port := uuid.New()
	r.networks.AddPort(port)
	r.must(r.DeleteServer(r.ctx, srv))
	r.must(r.DeleteServer(r.ctx, r.server(srv.ID)))
	r.settled(srv.ID)
	guests, _ := host.Guests(r.ctx)
	if all, _ := r.networks.Ports(); !r.gone(srv.ID) || len(guests) != 0 || all != 1 || r.claims.Count() != 0 {
		t.Errorf("gone %v with %d guests, %d ports, %d claims", r.gone(srv.ID), len(guests), all, r.claims.Count())
	}
	if now := r.server(srv.ID); now.VMState != nova.Deleted || now.TerminatedAt == nil {
		t.Errorf("%s, terminated %v", now.VMState, now.TerminatedAt)
	}
}

func TestOwnPortsSurvive(t *testing.T) {
	r := newRig(t)
	r.serve()
	novatest.Host(t, r.bus, "fake1")
	r.known(1)
	port := uuid.New()
	r.networks.AddPort(port)
	srv := r.settled(r.create(func(q *nova.ServerRequest) { q.Networks.Networks = []nova.NetworkRequest{{PortID: port}} }).ID)
	if srv.Status() != "ACTIVE" {
		t.Fatalf("%s: %v", srv.Status(), srv.Fault)
	}
	r.must(r.DeleteServer(r.ctx, srv))
	r.settled(srv.ID)
	if all, used := r.networks.Ports(); all != 1 || used != 0 {
		t.Errorf("%d ports, %d used", all, used)
	}
}

// A server can be deleted while it is being built; nothing of it is left.
func TestDeleteWhileBuilding(t *testing.T) {
	r := newRig(t)
	r.serve()
	r.networks.Down = true
	host, _ := novatest.Host(t, r.bus, "fake1", novatest.WaitForPorts)
	r.known(1)
	srv := r.create()
	r.eventually("guest is there", func() bool { g, _ := host.Guests(r.ctx); return len(g) == 1 })
	r.must(r.DeleteServer(r.ctx, r.server(srv.ID)))
	r.settled(srv.ID)
	guests, _ := host.Guests(r.ctx)
	if all, _ := r.networks.Ports(); !r.gone(srv.ID) || len(guests) != 0 || all != 0 || r.claims.Count() != 0 {
		t.Errorf("gone %v with %d guests, %d ports, %d claims", r.gone(srv.ID), len(guests), all, r.claims.Count())
	}
}

// A server whose host is away is deleted; its guest goes when the host is back.
func TestDeleteWithoutHost(t *testing.T) {
	r := newRig(t)
	r.serve()
	host, stop := novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create().ID)
	stop()
	r.must(r.DeleteServer(r.ctx, srv))
	r.settled(srv.ID)
	if guests, _ := host.Guests(r.ctx); !r.gone(srv.ID) || len(guests) != 1 {
		t.Fatalf("gone %v, %d guests", r.gone(srv.ID), len(guests))
	}
	novatest.Serve(t, r.bus, "fake1", host, novatest.AgentConfig{})
	r.eventually("the guest is removed", func() bool { g, _ := host.Guests(r.ctx); return len(g) == 0 })
}

func TestServerDeleteFlow(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[serverDelete] {
		r := newRig(t)
		host, _ := novatest.Host(t, r.bus, "fake1")
		srv := nova.Server{ID: uuid.New(), VMState: nova.Active, TaskState: nova.Deleting, Host: "fake1", CreatedAt: r.clock.Now(),
			ImageID: novatest.ImageID, Flavor: novatest.Flavors()[0]}
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &srv) }))
		r.must(host.Spawn(r.ctx, virt.Guest{ID: srv.ID, Name: "g", VCPUs: 1, MemoryMB: 64, Image: virt.Image{ID: "i"}}))
		_, err := r.networks.EnsurePorts(r.ctx, srv, []nova.NetworkRequest{{NetworkID: novatest.NetworkID}})
		r.must(err)
		r.served("fake1")
		return flowtest.World[serverDelete]{DB: r.store.DB(), Flow: r.deleteFlow(), State: serverDelete{ServerID: srv.ID},
			Done: func(t *testing.T) {
				guests, _ := host.Guests(r.ctx)
				if all, _ := r.networks.Ports(); !r.gone(srv.ID) || len(guests) != 0 || all != 0 {
					t.Errorf("gone %v with %d guests, %d ports", r.gone(srv.ID), len(guests), all)
				}
			},
			Undone: func(t *testing.T) {
				if now := r.server(srv.ID); now.TaskState != "" {
					t.Errorf("%s %q", now.Status(), now.TaskState)
				}
			}}
	})
}
