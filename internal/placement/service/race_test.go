package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// open is a service of its own on a database, as each process of a cloud has one.
func open(t *testing.T, d *db.DB) *Service {
	t.Helper()
	st, err := store.New(t.Context(), d, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	return New(Deps{Store: st, Clock: clock.System})
}

func inventory(total int64) placement.Inventory {
	return placement.Inventory{Total: total, MinUnit: 1, MaxUnit: total, StepSize: 1, AllocationRatio: 1}
}

func vcpu(consumer, provider string, n int64) placement.Claim {
	return placement.Claim{Consumer: consumer, ProjectID: "p", UserID: "u", Resources: map[string]map[string]int64{provider: {"VCPU": n}}}
}

// TestRace has fifty claims for ten units: ten are served, the others are told
// that there is no room, and nobody is told to try again.
func TestRace(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		services := []*Service{open(t, d), open(t, d)}
		ctx := t.Context()
		host, err := services[0].CreateResourceProvider(ctx, "", "host", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := services[0].SetInventories(ctx, host.UUID, 0, map[string]placement.Inventory{"VCPU": inventory(10)}, true); err != nil {
			t.Fatal(err)
		}
		var served, full atomic.Int64
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				err := services[i%2].Allocate(ctx, vcpu(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), host.UUID, 1))
				switch {
				case err == nil:
					served.Add(1)
				case fault.Is(err, 409):
					full.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if served.Load() != 10 || full.Load() != 40 {
			t.Errorf("%d served, %d refused", served.Load(), full.Load())
		}
		checkHost(t, services[1], host.UUID)
	})
}

// TestGenerationsAreOfWhatIsTold has a consumer claim one more each time, under
// readers: a generation beside what there was before or after it would let its
// reader write over a change that it has not seen.
func TestGenerationsAreOfWhatIsTold(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		writer, reader := open(t, d), open(t, d)
		ctx, user := t.Context(), "00000000-0000-4000-8000-000000000001"
		host, err := writer.CreateResourceProvider(ctx, "", "host", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.SetInventories(ctx, host.UUID, 0, map[string]placement.Inventory{"VCPU": inventory(1000)}, true); err != nil {
			t.Fatal(err)
		}
		claim := func(n int) error { return writer.Allocate(ctx, vcpu(user, host.UUID, int64(n))) }
		if err := claim(1); err != nil {
			t.Fatal(err)
		}
		dbtest.Beside(t, 50, func(n int) error { return claim(n + 2) }, func() error {
			rows, c, generations, err := reader.Allocations(ctx, user)
			if err == nil && (rows[0].Used != c.Generation || rows[0].Used != generations[host.UUID]-1) {
				err = fmt.Errorf("%d used by a consumer of generation %d from a provider of generation %d", rows[0].Used, c.Generation, generations[host.UUID])
			}
			use, oerr := reader.AllocationsOn(ctx, host.UUID)
			if used := use.Allocations; oerr == nil && (used[0].Used != use.Consumers[user].Generation || used[0].Used != use.Generation-1) {
				oerr = fmt.Errorf("%d used of a provider of generation %d by a consumer of generation %d", used[0].Used, use.Generation, use.Consumers[user].Generation)
			}
			st, serr := reader.State(ctx, host.UUID)
			if serr == nil && st.Used["VCPU"] != st.Generation-1 {
				serr = fmt.Errorf("%d used in the snapshot of a provider of generation %d", st.Used["VCPU"], st.Generation)
			}
			return errors.Join(err, oerr, serr)
		})
	})
}

// checkHost compares what is told of the host with what is in the database.
func checkHost(t *testing.T, s *Service, host string) {
	t.Helper()
	st, err := s.State(t.Context(), host)
	if err != nil || st.Used["VCPU"] != 10 || st.Generation != 11 {
		t.Error(err, st.Used, st.Generation)
	}
	use, err := s.AllocationsOn(t.Context(), host)
	if err != nil || len(use.Allocations) != 10 || len(use.Consumers) != 10 {
		t.Error(err, use)
	}
}

// TestRaceForGeneration has ten writers who all read generation 0: one wins.
func TestRaceForGeneration(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		s, ctx := open(t, d), t.Context()
		host, err := s.CreateResourceProvider(ctx, "", "host", "")
		if err != nil {
			t.Fatal(err)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch err := s.SetTraits(ctx, host.UUID, 0, []string{"HW_CPU_X86_AVX"}); {
				case err == nil:
					won.Add(1)
				case !fault.Is(err, 409):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

// TestReadersSeeEveryWrite reads through one process what another one writes.
func TestReadersSeeEveryWrite(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		writer, reader, ctx := open(t, d), open(t, d), t.Context()
		see := func(what string, want int64, change func(context.Context) error) {
			t.Helper()
			if err := change(ctx); err != nil {
				t.Fatal(what, err)
			}
			st, err := reader.State(ctx, "h")
			if err != nil || st.Used["VCPU"] != want {
				t.Errorf("after %s: %v %v", what, st.Used, err)
			}
		}
		see("creation", 0, func(ctx context.Context) error {
			_, err := writer.CreateResourceProvider(ctx, "h", "host", "")
			return err
		})
		see("inventory", 0, func(ctx context.Context) error { return writer.AddInventory(ctx, "h", with("h", "VCPU", 8), true) })
		see("claim", 3, func(ctx context.Context) error { return writer.Allocate(ctx, vcpu("c", "h", 3)) })
		see("bigger claim", 5, func(ctx context.Context) error { return writer.Allocate(ctx, vcpu("c", "h", 5)) })
		see("second claim", 7, func(ctx context.Context) error { return writer.Allocate(ctx, vcpu("d", "h", 2)) })
		see("release", 2, func(ctx context.Context) error { return writer.DeleteAllocations(ctx, "c") })
		see("empty claim", 0, func(ctx context.Context) error { return writer.AllocateAll(ctx, []placement.Claim{{Consumer: "d"}}) })
	})
}

func with(provider, class string, total int64) placement.Inventory {
	inv := inventory(total)
	inv.ProviderUUID, inv.ResourceClass = provider, class
	return inv
}

// TestLateReadersReadNothing has a reader who waited while others brought the
// snapshot up to date: it must not read the database again, for it may be one
// of a thousand, nor take the snapshot back to what it knew.
func TestLateReadersReadNothing(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		s, ctx := open(t, d), t.Context()
		seq, structure, err := s.store.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"h", "gone"} {
			if _, err := s.CreateResourceProvider(ctx, id, "host "+id, ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.catchUp(ctx, seq+1, structure); err != nil { // read before the second was made, and found both
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel() // any question to the database fails
		if err := s.catchUp(ended, seq+2, structure); err != nil {
			t.Error("what the snapshot has was read again:", err)
		}
		if err := s.DeleteResourceProvider(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.State(ctx, "gone"); err == nil {
			t.Error("a deleted provider is seen")
		}
		if err := s.catchUp(ended, seq, structure); err != nil {
			t.Error("an older structure was read again:", err)
		}
		if _, err := s.State(ctx, "gone"); err == nil {
			t.Error("the snapshot went back")
		}
	})
}
