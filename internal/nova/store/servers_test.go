package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/scheduler"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/uuid"
)

// each runs body with a store on every engine.
func each(t *testing.T, body func(t *testing.T, ctx context.Context, s *Store)) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := auth.WithRequestID(auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: "p"}), "req-1")
		body(t, ctx, New(d, clock.System))
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// insert writes a server, changed from an active one.
func insert(t *testing.T, ctx context.Context, s *Store, change func(*nova.Server)) nova.Server {
	t.Helper()
	now := clock.System.Now()
	srv := nova.Server{ID: uuid.New(), ProjectID: "p", UserID: "u", Name: "vm", VMState: nova.Active, PowerState: nova.PowerRunning, Host: "h1",
		Flavor: nova.Flavor{FlavorID: "1", Name: "tiny", MemoryMB: 64, ExtraSpecs: map[string]string{"a": "b"}}, FlavorID: "1", MemoryMB: 64, VCPUs: 1,
		NetworkInfo: []nova.VIF{{PortID: "port", FixedIPs: []nova.FixedIP{{Address: "10.0.0.5", Version: 4, FloatingIPs: []string{"192.0.2.7"}}}}},
		Wishes:      nova.Wishes{Zone: "nova", Hints: map[string]any{"x": "y"}}, CreatedAt: now, LaunchedAt: &now,
		Metadata: map[string]string{"k": "v"}, Tags: []string{"t2", "t1"}}
	if change != nil {
		change(&srv)
	}
	must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.InsertServer(ctx, &srv) }))
	return srv
}

func TestServerRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		why, what := "why", "what"
		want := insert(t, ctx, s, func(n *nova.Server) {
			n.Fault = &nova.Fault{Code: 500, Message: "no", Created: n.CreatedAt}
			n.LockedReason, n.Description, n.TrustedCerts = &why, &what, []string{"c"}
		})
		got, err := s.Server(ctx, want.ID)
		must(t, err)
		if got.Number == 0 || got.Number != want.Number || got.Flavor.ExtraSpecs["a"] != "b" || got.Fault == nil || got.Fault.Message != "no" ||
			*got.LockedReason != why || *got.Description != what || got.TrustedCerts[0] != "c" || got.Wishes.Hints["x"] != "y" ||
			got.Metadata["k"] != "v" || !slices.Equal(got.Tags, []string{"t1", "t2"}) || !got.CreatedAt.Equal(want.CreatedAt) ||
			len(got.Addresses()) != 2 || got.DeletedAt != nil || got.UpdatedAt != nil {
			t.Errorf("got %+v", got)
		}
		plain := insert(t, ctx, s, func(n *nova.Server) { n.NetworkInfo, n.Metadata, n.Tags = nil, nil, nil })
		got, err = s.Server(ctx, plain.ID)
		must(t, err)
		if got.Fault != nil || got.NetworkInfo != nil || got.Description != nil || len(got.Metadata)+len(got.Tags) != 0 || got.Number <= want.Number {
			t.Errorf("got %+v", got)
		}
	})
}

func TestServerFilters(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		early := clock.System.Now().Add(-time.Hour)
		insert(t, ctx, s, func(n *nova.Server) { n.Name, n.CreatedAt = "web-1", early })
		insert(t, ctx, s, func(n *nova.Server) { n.Name, n.Tags, n.VMState = "web-2", []string{"t3"}, nova.Stopped })
		insert(t, ctx, s, func(n *nova.Server) {
			n.Name, n.ProjectID, n.Host, n.TaskState = "db-1", "q", "h2", nova.Rebooting
			n.NetworkInfo = []nova.VIF{{FixedIPs: []nova.FixedIP{{Address: "2001:db8::7", Version: 6}}}}
		})
		gone := insert(t, ctx, s, func(n *nova.Server) { n.Name, n.Tags = "gone", nil })
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.DeleteServer(ctx, gone.ID) }))
		yes := true
		for name, tc := range map[string]struct {
			f    nova.ServerFilter
			want []string
		}{
			"all":          {nova.ServerFilter{}, []string{"db-1", "web-1", "web-2"}},
			"project":      {nova.ServerFilter{ProjectID: "p"}, []string{"web-1", "web-2"}},
			"host":         {nova.ServerFilter{Host: "h2"}, []string{"db-1"}},
			"state":        {nova.ServerFilter{VMStates: []nova.VMState{nova.Stopped}}, []string{"web-2"}},
			"task":         {nova.ServerFilter{Tasks: []nova.TaskState{nova.Rebooting}}, []string{"db-1"}},
			"name":         {nova.ServerFilter{Pattern: map[string]string{"display_name": "^WEB"}}, []string{"web-1", "web-2"}},
			"exact":        {nova.ServerFilter{Exact: map[string]string{"display_name": "web-1"}}, []string{"web-1"}},
			"ip":           {nova.ServerFilter{IP: `10\.0`}, []string{"web-1", "web-2"}},
			"floating":     {nova.ServerFilter{IP: "192.0.2.7"}, []string{"web-1", "web-2"}},
			"ip6":          {nova.ServerFilter{IP6: "2001:db8"}, []string{"db-1"}},
			"locked":       {nova.ServerFilter{Locked: &yes}, []string{}},
			"tags":         {nova.ServerFilter{Tags: []string{"t1", "t2"}}, []string{"db-1", "web-1"}},
			"tags-any":     {nova.ServerFilter{TagsAny: []string{"t3", "t1"}}, []string{"db-1", "web-1", "web-2"}},
			"not-tags":     {nova.ServerFilter{NotTags: []string{"t1", "t2"}}, []string{"web-2"}},
			"not-tags-any": {nova.ServerFilter{NotTagsAny: []string{"t1", "t9"}}, []string{"web-2"}},
			"since":        {nova.ServerFilter{ChangedSince: early.Add(time.Minute)}, []string{"db-1", "web-2"}},
			"before":       {nova.ServerFilter{ChangedBefore: early.Add(time.Minute)}, []string{"web-1"}},
			"since, gone":  {nova.ServerFilter{ChangedSince: early.Add(time.Minute), OrDeleted: true}, []string{"db-1", "gone", "web-2"}},
			"deleted":      {nova.ServerFilter{Deleted: true}, []string{"gone"}},
			"none":         {nova.ServerFilter{IDs: []string{}}, []string{}},
		} {
			list, err := s.Servers(ctx, tc.f, db.Page{Sort: []db.Sort{{Column: "display_name"}}})
			must(t, err)
			got := []string{}
			for _, srv := range list {
				got = append(got, srv.Name)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
		if _, err := s.Servers(ctx, nova.ServerFilter{Pattern: map[string]string{"display_name": "("}}, db.Page{}); !errors.Is(err, ErrPattern) {
			t.Errorf("bad pattern: %v", err)
		}
	})
}

func TestServerPages(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		for i := range 7 {
			insert(t, ctx, s, func(n *nova.Server) { n.Name, n.Tags = fmt.Sprint("vm-", i), nil })
		}
		seen, marker := []string{}, ""
		for {
			list, err := s.Servers(ctx, nova.ServerFilter{ProjectID: "p"}, db.Page{Limit: 3, Marker: marker})
			must(t, err)
			if len(list) == 0 {
				break
			}
			for _, srv := range list {
				seen = append(seen, srv.Name)
			}
			marker = list[len(list)-1].ID
		}
		if !slices.Equal(seen, []string{"vm-6", "vm-5", "vm-4", "vm-3", "vm-2", "vm-1", "vm-0"}) {
			t.Errorf("pages gave %v", seen)
		}
		if _, err := s.Servers(ctx, nova.ServerFilter{}, db.Page{Marker: "nosuch"}); !errors.Is(err, db.ErrNoMarker) {
			t.Errorf("unknown marker: %v", err)
		}
	})
}

func TestServerStates(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		srv := insert(t, ctx, s, nil)
		move := func(from Expect, to nova.TaskState) error {
			return s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.SetTask(ctx, srv.ID, from, to) })
		}
		idle := Expect{VM: []nova.VMState{nova.Active}, Tasks: []nova.TaskState{nova.NoTask}}
		must(t, move(idle, nova.PoweringOff))
		if err := move(idle, nova.Pausing); !errors.Is(err, nova.ErrStateChanged) {
			t.Errorf("second task: %v", err)
		}
		finish := func(task nova.TaskState) error {
			return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				return tx.FinishTask(ctx, srv.ID, task, nova.Stopped, nova.PowerShutdown)
			})
		}
		if err := finish(nova.Pausing); !errors.Is(err, nova.ErrStateChanged) {
			t.Errorf("finish of another task: %v", err)
		}
		must(t, finish(nova.PoweringOff))
		must(t, s.SetPower(ctx, srv.ID, nova.PowerCrashed))
		got, err := s.Server(ctx, srv.ID)
		must(t, err)
		if got.VMState != nova.Stopped || got.TaskState != "" || got.PowerState != nova.PowerCrashed || got.UpdatedAt == nil {
			t.Errorf("server is %s %q %d", got.VMState, got.TaskState, got.PowerState)
		}
		must(t, move(Expect{}, nova.Deleting))
		stuck, err := s.ServersDoing(ctx, clock.System.Now().Add(time.Minute))
		must(t, err)
		if len(stuck) != 1 || stuck[0].ID != srv.ID {
			t.Errorf("at a task: %v", stuck)
		}
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.DeleteServer(ctx, srv.ID) }))
		if _, err := s.Server(ctx, srv.ID); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("after deletion: %v", err)
		}
		if err := move(Expect{}, nova.Deleting); !errors.Is(err, nova.ErrStateChanged) {
			t.Errorf("task of a deleted server: %v", err)
		}
		got, err = s.AnyServer(ctx, srv.ID)
		must(t, err)
		if !got.Deleted() || got.VMState != nova.Deleted || got.TerminatedAt == nil {
			t.Errorf("deleted server is %+v", got)
		}
	})
}

func TestActionRecord(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		srv := insert(t, ctx, s, nil)
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.BeginAction(ctx, srv.ID, "stop") }))
		first, err := s.BeginEvent(ctx, srv.ID, "compute_stop_instance", "h1")
		must(t, err)
		again, err := s.BeginEvent(ctx, srv.ID, "compute_stop_instance", "h1")
		must(t, err)
		if first == "" || again != first {
			t.Errorf("events %q and %q", first, again)
		}
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			return tx.EndEvent(ctx, first, EventResult{Failed: true, Details: "no", Trace: "trace"})
		}))
		a, events, err := s.InstanceAction(ctx, srv.ID, "req-1")
		must(t, err)
		if a.Message == nil || *a.Message != "Error" || len(events) != 1 || *events[0].Result != "Error" || *events[0].Details != "no" || events[0].FinishTime == nil {
			t.Errorf("action %+v, events %+v", a, events)
		}
		if id, err := s.BeginEvent(auth.WithRequestID(ctx, "req-2"), srv.ID, "x", "h1"); id != "" || err != nil {
			t.Errorf("event of no action: %q, %v", id, err)
		}
	})
}

func TestHostReports(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		for range 2 {
			for _, h := range []string{"h1", "h2"} {
				must(t, s.Heartbeat(ctx, h, "nova-compute"))
			}
		}
		first, fresh, err := s.ReportHypervisor(ctx, nova.Hypervisor{Host: "h1", Hostname: "n1", VCPUs: 2, Traits: []string{"HW_CPU_X86_SSE"}})
		must(t, err)
		again, known, err := s.ReportHypervisor(ctx, nova.Hypervisor{Host: "h1", Hostname: "n1", VCPUs: 4, WaitsForPorts: true})
		must(t, err)
		if !fresh || known || first.ID != again.ID || first.Number != again.Number {
			t.Errorf("reports gave %v %+v and %v %+v", fresh, first, known, again)
		}
		list, err := s.HostStates(ctx)
		must(t, err)
		node, err := s.Hypervisor(ctx, first.ID)
		must(t, err)
		if len(list) != 1 || node.VCPUs != 4 || list[0].Node.ID != first.ID || !list[0].Node.WaitsForPorts || list[0].Service.Host != "h1" || !list[0].Service.Up(clock.System.Now()) {
			t.Errorf("hosts are %+v", list)
		}
		up, err := s.ComputeServices(ctx, []string{"h1", "h2", "h3"})
		must(t, err)
		if len(up) != 2 || up[0].Number == up[1].Number {
			t.Errorf("services are %+v", up)
		}
	})
}

func TestAccountsTokensOrphans(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		account := scheduler.Account{Hosts: 1, Refusals: []scheduler.Refusal{{Host: "h1", Check: "VCPU", Wanted: "2", Had: "1"}}}
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.RecordAccount(ctx, "server", "", account) }))
		list, err := s.Accounts(ctx, "server")
		must(t, err)
		if len(list) != 1 || list[0].Account.Refusals[0].Check != "VCPU" || list[0].RequestID != "req-1" {
			t.Errorf("accounts are %+v", list)
		}
		now := clock.System.Now()
		must(t, s.InsertConsoleToken(ctx, nova.ConsoleToken{Hash: "a", ServerID: "s", CreatedAt: now, ExpiresAt: now.Add(time.Minute)}))
		must(t, s.InsertConsoleToken(ctx, nova.ConsoleToken{Hash: "old", ServerID: "s", CreatedAt: now, ExpiresAt: now.Add(-time.Minute)}))
		if _, err := s.UseConsoleToken(ctx, "old"); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("expired token: %v", err)
		}
		if _, err := s.UseConsoleToken(ctx, "a"); err != nil {
			t.Errorf("token: %v", err)
		}
		if _, err := s.UseConsoleToken(ctx, "a"); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("used token: %v", err)
		}
		must(t, s.SetOrphans(ctx, "h1", []nova.OrphanGuest{{GuestID: "g1"}, {GuestID: "g2"}}))
		before, err := s.Orphans(ctx)
		must(t, err)
		must(t, s.SetOrphans(ctx, "h1", []nova.OrphanGuest{{GuestID: "g2"}}))
		after, err := s.Orphans(ctx)
		must(t, err)
		if len(before) != 2 || len(after) != 1 || after[0].GuestID != "g2" || !after[0].FirstSeen.Equal(before[1].FirstSeen) {
			t.Errorf("orphans were %+v, are %+v", before, after)
		}
	})
}
