package service

import (
	"context"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/uuid"
)

// served waits until a host's nova-compute answers.
func (r *rig) served(host string) {
	r.t.Helper()
	r.eventually(host+" serves", func() bool {
		_, err := rpcapi.ReportNow.Call(r.ctx, r.bus, rpcapi.ComputeTopic(host), rpcapi.Done{})
		return err == nil
	})
}

// report has a host report now.
func (r *rig) report(host string) { r.served(host) }

// A guest whose process is killed while its server is active is brought back.
func TestKilledGuestIsRestarted(t *testing.T) {
	r, host, srv := active(t)
	r.must(host.Crash(srv.ID))
	r.eventually("the guest runs again", func() bool {
		g, err := host.Guest(r.ctx, srv.ID)
		return err == nil && g.Power == virt.Running
	})
	if now := r.settled(srv.ID); now.Status() != "ACTIVE" || now.TaskState != "" {
		t.Errorf("%s %q", now.Status(), now.TaskState)
	}
}

// A guest that is gone with its disk makes its server an error, with the reason.
func TestLostGuestIsAnError(t *testing.T) {
	r, host, srv := active(t)
	r.must(host.Destroy(r.ctx, srv.ID))
	r.report("fake1")
	r.eventually("the server is in ERROR", func() bool { return r.server(srv.ID).Status() == "ERROR" })
	if now := r.settled(srv.ID); now.Fault == nil || now.TaskState != "" {
		t.Errorf("fault %v, task %q", now.Fault, now.TaskState)
	}
}

// A guest that shuts itself down makes its server SHUTOFF.
func TestGuestEndsByItself(t *testing.T) {
	r, host, srv := active(t)
	r.must(host.Power(r.ctx, srv.ID, virt.Shutdown, 0))
	r.eventually("the server is SHUTOFF", func() bool { return r.server(srv.ID).Status() == "SHUTOFF" })
	if g, err := host.Guest(r.ctx, srv.ID); err != nil || g.Power != virt.Shutdown {
		t.Errorf("guest is %v, %v", g.Power, err)
	}
}

// A guest that runs although its server is stopped is stopped.
func TestStoppedServerStaysStopped(t *testing.T) {
	r, host, srv := active(t)
	r.must(r.StopServer(r.ctx, srv))
	r.settled(srv.ID)
	r.must(host.Power(r.ctx, srv.ID, virt.Running, 0))
	r.eventually("the guest is stopped", func() bool {
		g, err := host.Guest(r.ctx, srv.ID)
		return err == nil && g.Power == virt.Shutdown
	})
	if now := r.settled(srv.ID); now.Status() != "SHUTOFF" {
		t.Errorf("%s", now.Status())
	}
}

// Guests of nobody are listed and left alone.
func TestOrphansAreListed(t *testing.T) {
	r, host, srv := active(t)
	id := uuid.New()
	r.must(host.Spawn(r.ctx, virt.Guest{ID: id, Name: "stranger", VCPUs: 1, MemoryMB: 64, Image: virt.Image{ID: "i"}}))
	r.report("fake1")
	r.eventually("the orphan is listed", func() bool {
		list, err := r.Orphans(r.ctx)
		r.must(err)
		return len(list) == 1 && list[0].GuestID == id && list[0].Host == "fake1"
	})
	if g, _ := host.Guests(r.ctx); len(g) != 2 {
		t.Errorf("%d guests", len(g))
	}
	r.must(host.Destroy(r.ctx, id))
	r.report("fake1")
	r.eventually("the list is empty", func() bool { list, _ := r.Orphans(r.ctx); return len(list) == 0 })
	if r.server(srv.ID).Status() != "ACTIVE" {
		t.Errorf("%s", r.server(srv.ID).Status())
	}
}

// A task that no flow carries any more does not last.
func TestStuckServersHeal(t *testing.T) {
	r := newRig(t)
	old := time.Now().UTC().Add(-time.Hour)
	for name, tc := range map[string]struct {
		vm   nova.VMState
		task nova.TaskState
		want string
	}{
		"building":  {nova.Building, nova.Spawning, "ERROR"},
		"scheduled": {nova.Building, "", "ERROR"},
		"stopping":  {nova.Active, nova.PoweringOff, "ACTIVE"},
		"deleting":  {nova.Active, nova.Deleting, ""},
	} {
		srv := nova.Server{ID: uuid.New(), Name: name, VMState: tc.vm, TaskState: tc.task, CreatedAt: old, UpdatedAt: &old, Flavor: novatest.Flavors()[0]}
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &srv) }))
		r.must(r.syncServers(r.ctx))
		now := r.server(srv.ID)
		live, err := r.carried(r.ctx, srv.ID)
		r.must(err)
		if tc.want == "" && !live || tc.want != "" && (now.Status() != tc.want || now.TaskState != "") {
			t.Errorf("%s: %s %q, carried %v", name, now.Status(), now.TaskState, live)
		}
	}
}

// A claim that outlived its server is given back, one that was lost is made again.
func TestClaimsHeal(t *testing.T) {
	r, _, srv := active(t)
	provider := r.claims.Held(srv.ID)
	old := time.Now().UTC().Add(-time.Hour)
	gone := nova.Server{ID: uuid.New(), VMState: nova.Deleted, CreatedAt: old, DeletedAt: &old}
	r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &gone) }))
	r.must(r.claims.Claim(r.ctx, gone, provider, nova.Resources{nova.ClassVCPU: 1}))
	r.must(r.claims.Release(r.ctx, srv.ID))
	r.must(r.syncClaims(r.ctx))
	if r.claims.Held(gone.ID) != "" || r.claims.Held(srv.ID) != provider {
		t.Errorf("claims are %q and %q", r.claims.Held(gone.ID), r.claims.Held(srv.ID))
	}
}
