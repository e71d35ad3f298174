package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestCollectLaterEnds has a start that needs more memory than it may use
// before garbage is collected: from then on it is collected as ever.
func TestCollectLaterEnds(t *testing.T) {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	before := debug.SetMemoryLimit(-1)
	collect := collectLater()
	defer collect()
	runtime.GC()
	now := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	for end := time.Now().Add(10 * time.Second); now() != percent; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("GC percent is %d after a collection, was %d", now(), percent)
		}
	}
	if limit := debug.SetMemoryLimit(-1); limit != before {
		t.Errorf("memory limit is %d, was %d", limit, before)
	}
}
