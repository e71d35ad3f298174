package service

import (
	"errors"
	"slices"
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

// Lists name the groups that the row notes, and ask Neutron only where none were noted.
func TestGroupNames(t *testing.T) {
	r, _, srv := active(t)
	names := func(change func(*nova.Server)) []string {
		t.Helper()
		s := r.server(srv.ID)
		change(&s)
		got, err := r.GroupNames(r.ctx, []nova.Server{s})
		r.must(err)
		return got[srv.ID]
	}
	for what, tc := range map[string]struct {
		noted, want []string
	}{
		"noted":      {[]string{"g1", "g2", "g1"}, []string{"g1", "g2"}},
		"none":       {[]string{}, nil},
		"never read": {nil, []string{"default"}},
	} {
		got := names(func(s *nova.Server) { s.NetworkInfo[0].SecurityGroups = tc.noted })
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", what, got, tc.want)
		}
	}
	if got := names(func(*nova.Server) {}); !slices.Equal(got, []string{"default"}) {
		t.Errorf("as built: %v", got)
	}
}

// What Neutron said while the row's ports changed is not written over them.
func TestRefreshAfterChange(t *testing.T) {
	r, _, srv := active(t)
	stale := srv
	stale.NetworkInfo = nil
	if _, err := r.noteNetworks(r.ctx, stale, nil); !errors.Is(err, nova.ErrStateChanged) {
		t.Error(err)
	}
	r.must(r.RefreshNetworks(r.ctx, stale))
	if now := r.server(srv.ID); len(now.NetworkInfo) != 1 || now.Revision != srv.Revision {
		t.Errorf("ports are %+v, revision %d, had %d", now.NetworkInfo, now.Revision, srv.Revision)
	}
}
