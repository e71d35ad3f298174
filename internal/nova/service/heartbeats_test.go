package service

import (
	"testing"
	"time"

	"nacre/internal/nova/rpcapi"
)

// Beats are written together; a process that has no row yet gets one.
func TestBeatsAreWritten(t *testing.T) {
	r := newRig(t)
	r.must(r.store.Heartbeat(r.ctx, "old", computeBinary))
	before, err := r.store.ComputeService(r.ctx, "old")
	r.must(err)
	time.Sleep(time.Millisecond)
	for _, host := range []string{"old", "new", "new"} {
		_, err := r.heartbeat(r.ctx, rpcapi.HeartbeatRequest{Host: host, Binary: computeBinary})
		r.must(err)
	}
	r.must(r.writeBeats(r.ctx))
	list, err := r.store.ComputeServices(r.ctx, []string{"old", "new"})
	r.must(err)
	if len(list) != 2 || !list[0].LastSeenUp.After(before.LastSeenUp) || !list[1].Up(time.Now()) {
		t.Errorf("before %v, now %+v", before.LastSeenUp, list)
	}
	r.must(r.writeBeats(r.ctx)) // nothing was heard since
}

// An event that was lost is made good by the comparison of all ports.
func TestLostPortEventHeals(t *testing.T) {
	r, _, srv := active(t)
	good := srv.NetworkInfo
	srv.NetworkInfo = nil
	r.must(r.store.UpdateServer(r.ctx, srv, "network_info"))
	r.must(r.syncNetworks(r.ctx))
	now := r.server(srv.ID)
	if !sameVIFs(now.NetworkInfo, good) {
		t.Errorf("ports are %+v, were %+v", now.NetworkInfo, good)
	}
	r.must(r.syncNetworks(r.ctx))
	if again := r.server(srv.ID); again.Revision != now.Revision {
		t.Error("ports that had not changed were written")
	}
}
