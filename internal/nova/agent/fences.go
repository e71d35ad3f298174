package agent

import (
	"context"
	"sync"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/fault"
)

// fenceAge is how long a fencing number is remembered: longer than any message is under way.
const fenceAge = time.Hour

// fences remembers the highest fencing number seen of each operation on each server. An operation is known by its
// request ID; its number grows each time another process takes it over, so the call of one that lost it comes too late.
type fences struct {
	clock clock.Clock

	mu    sync.Mutex
	seen  map[string]fence
	young int // that were left when the old ones were forgotten
}

type fence struct {
	number int64
	at     time.Time
}

// check refuses a call whose number is older than the newest. Calls without number or request ID pass.
func (f *fences) check(ctx context.Context, serverID string, number int64) error {
	request := auth.RequestID(ctx)
	if number == 0 || request == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, key := f.clock.Now(), serverID+" "+request
	if f.seen[key].number > number {
		return fault.Conflict("Operation %s on instance %s was taken over by another process.", request, serverID)
	}
	if f.seen == nil || len(f.seen) > 1000+2*f.young {
		f.forget(now)
	}
	f.seen[key] = fence{number, now}
	return nil
}

// forget keeps only young numbers.
func (f *fences) forget(now time.Time) {
	young := map[string]fence{}
	for k, v := range f.seen {
		if now.Sub(v.at) < fenceAge {
			young[k] = v
		}
	}
	f.seen, f.young = young, len(young)
}
