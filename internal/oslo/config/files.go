package config

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Files is what some files hold, read again when one of them has changed, come
// or gone. While they are of no use, what they held before stays, and the log
// says so, once for each change.
type Files[T any] struct {
	names []string
	read  func() (T, error)

	mu    sync.Mutex
	stamp string
	holds T
}

// Watch reads files by read, now and whenever they have changed.
func Watch[T any](read func() (T, error), names ...string) (*Files[T], error) {
	f := &Files[T]{names: names, read: read, stamp: Stamp(names...)}
	var err error
	if f.holds, err = read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Current is what the files hold.
func (f *Files[T]) Current() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	stamp := Stamp(f.names...)
	if stamp == f.stamp {
		return f.holds
	}
	f.stamp = stamp
	holds, err := f.read()
	if err != nil {
		slog.Error("changed files are of no use, what they held before stays", "files", f.names, "error", err)
		return f.holds
	}
	slog.Info("changed files were read again", "files", f.names)
	f.holds = holds
	return holds
}

// Stamp differs when a file has changed, come or gone.
func Stamp(names ...string) (stamp string) {
	for _, name := range names {
		if st, err := os.Stat(name); err == nil {
			stamp += fmt.Sprint(st.ModTime().UnixNano(), st.Size())
		}
		stamp += " "
	}
	return stamp
}

// Settled reports whether what was changed at t, a file or directory, has been
// left alone since for so long that its next change bears another time. Until
// then who has read it cannot tell by its time that it has not changed since:
// within a tick of the clock all changes bear the same.
func Settled(t time.Time) bool {
	tick := 100 * time.Millisecond // a kernel's is ten at most
	if t.Nanosecond() == 0 {
		tick = 2 * time.Second // of a file system that keeps no fractions
	}
	return time.Since(t) > tick
}
