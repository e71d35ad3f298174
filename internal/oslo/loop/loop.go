// Package loop runs reconcilers: functions that read what should be, read what
// is, and close the gap. A loop takes no input, so the round after a crash is
// like every other; a wake-up makes a round sooner, never different.
package loop

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Loop is a reconciler and its rhythm.
type Loop struct {
	Name  string
	Every time.Duration                   // pause between rounds; 0: only when woken
	Wake  <-chan struct{}                 // may be nil
	Run   func(ctx context.Context) error // one round; never overlaps itself
}

// Run runs the loops, each beginning with a round at once, until ctx ends and
// the last round has returned. A round's error or panic is logged; the next
// round comes all the same.
func Run(ctx context.Context, loops ...Loop) {
	var wg sync.WaitGroup
	for _, l := range loops {
		wg.Go(func() { l.run(ctx) })
	}
	wg.Wait()
}

func (l Loop) run(ctx context.Context) {
	var tick <-chan time.Time
	var timer *time.Timer
	if l.Every > 0 {
		timer = time.NewTimer(l.Every)
		defer timer.Stop()
		tick = timer.C
	}
	for ctx.Err() == nil {
		l.round(ctx)
		if timer != nil {
			timer.Reset(l.Every)
		}
		select {
		case <-ctx.Done():
		case <-tick:
		case _, open := <-l.Wake:
			if !open {
				l.Wake = nil
			}
		}
	}
}

func (l Loop) round(ctx context.Context) {
	if err := l.safely(ctx); err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "loop failed", "loop", l.Name, "error", err)
	}
}

func (l Loop) safely(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.Run(ctx)
}
