package dbtest

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Beside has change make rounds changes, one after the other, while others
// read without a pause. A change or a reader that is in error fails the test.
func Beside(t *testing.T, rounds int, change func(n int) error, read func() error) {
	t.Helper()
	var readers sync.WaitGroup
	var over atomic.Bool
	for range 6 { // more than SQLite has connections
		readers.Go(func() {
			for !over.Load() {
				if err := read(); err != nil {
					t.Error(err)
					over.Store(true)
				}
			}
		})
	}
	for n := 0; n < rounds && !over.Load(); n++ {
		if err := change(n); err != nil {
			t.Error(err)
			break
		}
	}
	over.Store(true)
	readers.Wait()
}
