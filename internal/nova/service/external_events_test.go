package service

import (
	"sync/atomic"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
)

// A port that is deleted under a server is unplugged; one that goes with its
// server is left to the server's deletion.
func TestDeletedPortIsUnplugged(t *testing.T) {
	for task, want := range map[nova.TaskState]int32{nova.NoTask: 1, nova.Deleting: 0} {
		var unplugged atomic.Int32
		r, _, srv := active(t, novatest.Failing(func(method, _ string) error {
			if method == "DetachInterface" {
				unplugged.Add(1)
			}
			return nil
		}))
		srv.TaskState = task
		r.must(r.store.UpdateServer(r.ctx, srv, "task_state"))
		codes, err := r.ExternalEvents(r.ctx, []ExternalEvent{{Name: "network-vif-deleted", ServerID: srv.ID, Tag: srv.NetworkInfo[0].PortID}})
		r.must(err)
		if codes[0] != EventTaken || unplugged.Load() != want {
			t.Errorf("task %q: code %d, unplugged %d times, want %d", task, codes[0], unplugged.Load(), want)
		}
	}
}
