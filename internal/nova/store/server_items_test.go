package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// addServer writes a server that was launched an hour before the clock, and ended a while later if it is gone.
func addServer(t *testing.T, s *Store, id, project string, gone time.Duration) {
	t.Helper()
	launched := testClock.Now().Add(-time.Hour)
	srv := nova.Server{ID: id, ProjectID: project, UserID: "u", VMState: nova.Active, VCPUs: 2, MemoryMB: 64, CreatedAt: launched, LaunchedAt: &launched,
		Metadata: map[string]string{"k": "v"}, Tags: []string{"t"}}
	if gone > 0 {
		end := launched.Add(gone)
		srv.TerminatedAt, srv.DeletedAt = &end, &end
	}
	if err := s.Tx(t.Context(), func(ctx context.Context, tx *Tx) error { return tx.InsertServer(ctx, &srv) }); err != nil {
		t.Fatal(err)
	}
}

func TestServerItems(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		addServer(t, s, "a", "p", 0)
		full := errors.New("full")
		set := func(items map[string]string, replace bool) (now map[string]string, err error) {
			err = s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				now, err = tx.SetMetadata(ctx, "a", items, replace, func(n int) error {
					if n > 2 {
						return full
					}
					return nil
				})
				return err
			})
			return now, err
		}
		if got, err := set(map[string]string{"K": "w"}, false); err != nil || cmp.Diff(map[string]string{"k": "v", "K": "w"}, got) != "" {
			t.Error(got, err)
		}
		if _, err := set(map[string]string{"x": ""}, false); !errors.Is(err, full) {
			t.Error(err)
		}
		if got, err := set(map[string]string{"x": ""}, true); err != nil || cmp.Diff(map[string]string{"x": ""}, got) != "" {
			t.Error(got, err)
		}
		if err := s.DeleteMetadata(ctx, "a", "x"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteMetadata(ctx, "a", "x"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			if added, err := tx.AddTag(ctx, "a", "t", func(int) error { return nil }); added || err != nil {
				t.Error(added, err)
			}
			if added, err := tx.AddTag(ctx, "a", "T", func(int) error { return nil }); !added || err != nil {
				t.Error(added, err)
			}
			return tx.ReplaceTags(ctx, "a", []string{"q", "w"})
		})
		if srv, _ := s.Server(ctx, "a"); err != nil || cmp.Diff([]string{"q", "w"}, srv.Tags) != "" || len(srv.Metadata) != 0 {
			t.Error(srv.Tags, srv.Metadata, err)
		}
		if err := s.DeleteTag(ctx, "a", "t"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
	})
}

func TestUsage(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		addServer(t, s, "b", "p", 0)
		addServer(t, s, "a", "p", 0)
		addServer(t, s, "c", "o", 10*time.Minute)
		if u, err := s.Usage(ctx, "p", "u"); err != nil || u != (nova.Usage{Instances: 2, Cores: 4, RAM: 128}) {
			t.Error(u, err)
		}
		if u, err := s.Usage(ctx, "o", ""); err != nil || u != (nova.Usage{}) {
			t.Error(u, err)
		}
		now := testClock.Now()
		for name, tc := range map[string]struct {
			begin, end time.Time
			project    string
			page       db.Page
			want       []string
		}{
			"all":          {now.Add(-2 * time.Hour), now, "", db.Page{}, []string{"c", "a", "b"}},
			"of p":         {now.Add(-2 * time.Hour), now, "p", db.Page{}, []string{"a", "b"}},
			"lately":       {now.Add(-time.Minute), now, "", db.Page{}, []string{"a", "b"}},
			"before":       {now.Add(-2 * time.Hour), now.Add(-90 * time.Minute), "", db.Page{}, nil},
			"page":         {now.Add(-2 * time.Hour), now, "", db.Page{Limit: 1, Marker: "c"}, []string{"a"}},
			"another page": {now.Add(-2 * time.Hour), now, "", db.Page{Limit: 9, Marker: "a"}, []string{"b"}},
		} {
			found, err := s.ServersBetween(ctx, tc.begin, tc.end, tc.project, tc.page)
			var got []string
			for _, srv := range found {
				got = append(got, srv.ID)
			}
			if d := cmp.Diff(tc.want, got); err != nil || d != "" {
				t.Errorf("%s: %v %s", name, err, d)
			}
		}
	})
}

func TestInstanceActions(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s := New(d, testClock)
		var requests []string
		for i, action := range []string{"create", "stop", "start"} {
			at := testClock.Now().Add(time.Duration(i) * time.Minute)
			id := []string{"req-a", "req-b", "req-c"}[i]
			ctx := auth.WithRequestID(auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: "p"}), id)
			err := New(d, fixedClock{at}).Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.BeginAction(ctx, "a", action) })
			if err != nil {
				t.Fatal(err)
			}
			if event, err := s.BeginEvent(ctx, "a", "compute_"+action, "h"); err != nil || event == "" {
				t.Fatal(event, err)
			}
			requests = append([]string{id}, requests...)
		}
		list := func(f nova.InstanceActionFilter, p db.Page) (ids []string) {
			t.Helper()
			f.InstanceUUID = "a"
			found, err := s.InstanceActions(t.Context(), f, p)
			if err != nil {
				t.Error(err)
			}
			for _, a := range found {
				ids = append(ids, a.RequestID)
			}
			return ids
		}
		for name, d := range map[string]string{
			"all":    cmp.Diff(requests, list(nova.InstanceActionFilter{}, db.Page{})),
			"page":   cmp.Diff([]string{"req-b"}, list(nova.InstanceActionFilter{}, db.Page{Limit: 1, Marker: "req-c"})),
			"since":  cmp.Diff([]string{"req-c"}, list(nova.InstanceActionFilter{ChangesSince: testClock.Now().Add(2 * time.Minute)}, db.Page{})),
			"before": cmp.Diff([]string{"req-a"}, list(nova.InstanceActionFilter{ChangesBefore: testClock.Now()}, db.Page{})),
		} {
			if d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		a, events, err := s.InstanceAction(t.Context(), "a", "req-b")
		if err != nil || a.Action != "stop" || len(events) != 1 || events[0].Event != "compute_stop" {
			t.Errorf("%+v %+v %v", a, events, err)
		}
		if _, _, err := s.InstanceAction(t.Context(), "b", "req-b"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
	})
}

func TestHypervisorsAndServices(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		for _, host := range []string{"h1", "h2", "g1"} {
			if err := s.Heartbeat(ctx, host, "nova-compute"); err != nil {
				t.Fatal(err)
			}
			if _, fresh, err := s.ReportHypervisor(ctx, nova.Hypervisor{Host: host, Hostname: host + ".example", Traits: []string{"T"}}); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		svcs, err := s.Services(ctx, nova.ServiceFilter{Host: "h2", Binary: "nova-compute"})
		if err != nil || len(svcs) != 1 || svcs[0].Number != 2 || !svcs[0].Up(testClock.Now()) {
			t.Fatal(svcs, err)
		}
		why := "because"
		svc := svcs[0]
		svc.Disabled, svc.DisabledReason, svc.ForcedDown = true, &why, true
		if err := s.UpdateService(ctx, svc); err != nil {
			t.Error(err)
		}
		if got, err := s.ServiceByID(ctx, svc.ID); err != nil || !got.Disabled || *got.DisabledReason != why || got.Up(testClock.Now()) {
			t.Error(got, err)
		}
		first, err := s.Hypervisors(ctx, db.Page{Limit: 2}, "number")
		if err != nil || len(first) != 2 || first[1].Host != "h2" {
			t.Fatal(first, err)
		}
		for column, marker := range map[string]string{"number": "2", "id": first[1].ID} {
			if rest, err := s.Hypervisors(ctx, db.Page{Limit: 2, Marker: marker}, column); err != nil || len(rest) != 1 || rest[0].Host != "g1" {
				t.Error(column, rest, err)
			}
		}
		if _, err := s.Hypervisors(ctx, db.Page{Marker: "99"}, "number"); !errors.Is(err, db.ErrNoMarker) {
			t.Error(err)
		}
		if named, err := s.HypervisorsNamed(ctx, "h"); err != nil || len(named) != 2 {
			t.Error(named, err)
		}
		if n, err := s.HypervisorNumbered(ctx, 3); err != nil || n.Host != "g1" {
			t.Error(n, err)
		}
		if n, err := s.Hypervisor(ctx, first[0].ID); err != nil || n.Host != "h1" {
			t.Error(n, err)
		}
	})
}
