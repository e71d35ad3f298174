package loop_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nacre/internal/oslo/loop"
)

func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		var rounds atomic.Int64
		var busy atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			loop.Run(ctx, loop.Loop{Name: "l", Every: time.Minute, Wake: wake, Run: func(context.Context) error {
				if !busy.CompareAndSwap(false, true) {
					t.Error("overlaps")
				}
				defer busy.Store(false)
				switch rounds.Add(1) {
				case 1:
					return errors.New("bad")
				case 2:
					panic("worse")
				}
				time.Sleep(time.Second)
				return nil
			}})
		}()
		want := func(n int64) {
			t.Helper()
			synctest.Wait()
			if got := rounds.Load(); got != n {
				t.Errorf("%d rounds, not %d", got, n)
			}
		}
		want(1)
		time.Sleep(time.Minute)
		want(2)
		wake <- struct{}{}
		want(3)
		time.Sleep(30 * time.Second)
		want(3)
		time.Sleep(31 * time.Second)
		want(4)
		cancel()
		<-done
	})
}
