package agent

import (
	"fmt"
	"testing"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time { return c.now }

// TestFencesForget: what is old is forgotten by and by, and what is young is
// not looked through at each call, however much that is.
func TestFencesForget(t *testing.T) {
	clock := &handClock{time.Unix(1e9, 0)}
	f := fences{clock: clock}
	call := func(request string, number int64) error {
		return f.check(auth.WithRequest(t.Context(), auth.Request{ID: request}), "server", number)
	}
	rounds, last := 0, 0
	for n := range 20_000 {
		if err := call(fmt.Sprint(n), 2); err != nil {
			t.Fatal(err)
		}
		if f.young != last {
			rounds, last = rounds+1, f.young
		}
	}
	if rounds > 5 {
		t.Errorf("all was looked through %d times", rounds)
	}
	if err := call("0", 1); !fault.Is(err, 409) {
		t.Errorf("an older number passes: %v", err)
	}
	clock.now = clock.now.Add(fenceAge)
	for n := range 100_000 {
		clock.now = clock.now.Add(fenceAge / 1000)
		if err := call(fmt.Sprint("later", n), 1); err != nil {
			t.Fatal(err)
		}
		if n > 50_000 && len(f.seen) > 4000 {
			t.Fatalf("%d are remembered, 1000 are young", len(f.seen))
		}
	}
}
