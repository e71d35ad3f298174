package service

import (
	"testing"

	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// TestShrunkInventory has more used than there is: a claim passes if it does
// not make that worse, and a release raises no generation.
func TestShrunkInventory(t *testing.T) {
	s, ctx := open(t, dbtest.SQLite(t, store.Migrations())), t.Context()
	if _, err := s.CreateResourceProvider(ctx, "h", "host", ""); err != nil {
		t.Fatal(err)
	}
	set := func(generation, total int64) error {
		inv := inventory(total)
		inv.MaxUnit = 10
		return s.SetInventories(ctx, "h", generation, map[string]placement.Inventory{"VCPU": inv}, true)
	}
	for i, step := range []struct {
		what   string
		do     func() error
		status int
	}{
		{"ten units", func() error { return set(0, 10) }, 0},
		{"two claims", func() error { return s.AllocateAll(ctx, []placement.Claim{vcpu("a", "h", 4), vcpu("b", "h", 4)}) }, 0},
		{"shrink", func() error { return set(2, 5) }, 0},
		{"the same again", func() error { return s.Allocate(ctx, vcpu("a", "h", 4)) }, 0},
		{"less", func() error { return s.Allocate(ctx, vcpu("a", "h", 3)) }, 0},
		{"more", func() error { return s.Allocate(ctx, vcpu("a", "h", 4)) }, 409},
		{"another", func() error { return s.Allocate(ctx, vcpu("c", "h", 1)) }, 409},
		{"release", func() error { return s.DeleteAllocations(ctx, "b") }, 0},
		{"another, now", func() error { return s.Allocate(ctx, vcpu("c", "h", 2)) }, 0},
	} {
		err := step.do()
		if step.status == 0 && err != nil || step.status != 0 && !fault.Is(err, step.status) {
			t.Errorf("%d %s: %v", i, step.what, err)
		}
	}
	if st, err := s.State(ctx, "h"); err != nil || st.Used["VCPU"] != 5 || st.Generation != 6 {
		t.Error(err, st.Used, st.Generation)
	}
}
