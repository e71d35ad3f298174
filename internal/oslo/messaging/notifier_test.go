package messaging

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"log/slog"
)

// broker takes events, or does not.
type broker struct {
	mu    sync.Mutex
	gate  chan struct{} // nil lets events pass
	err   error
	taken []string
}

func (b *broker) set(gate chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate, b.err = gate, err
}

func (b *broker) types() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken)
}

// Notify blocks, whatever its context says, as a write to a full socket does.
func (b *broker) Notify(_ context.Context, e Event) error {
	b.mu.Lock()
	gate := b.gate
	b.mu.Unlock()
	if gate != nil {
		<-gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.taken = append(b.taken, e.PublisherID+" "+e.Type)
	}
	return b.err
}

// logged gathers what is logged until the test ends.
func logged(t *testing.T) *strings.Builder {
	var text strings.Builder
	had := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
	t.Cleanup(func() { slog.SetDefault(had) })
	return &text
}

// TestNotifierNeverBlocks: with a broker that stops reading, calls go on,
// events beyond the queue are dropped, counted and told of once, and what was
// kept arrives in order when the broker reads again.
func TestNotifierNeverBlocks(t *testing.T) {
	text := logged(t)
	synctest.Test(t, func(t *testing.T) {
		gate, dropped := make(chan struct{}), 0
		b := &broker{gate: gate}
		n := NewNotifier(b, nil, func() { dropped++ })
		defer n.Close(t.Context())
		for range 2 {
			n.As("a").Publish(t.Context(), "first", nil)
			synctest.Wait() // the sender has it, and is stuck
			for range queued + 10 {
				n.As("b").Publish(t.Context(), "more", nil)
			}
			if dropped != 10 {
				t.Errorf("%d events were dropped", dropped)
			}
			close(gate)
			synctest.Wait()
			if got := b.types(); len(got) != queued+1 || got[0] != "a first" || got[queued] != "b more" {
				t.Errorf("%d events arrived", len(got))
			}
			gate, dropped = make(chan struct{}), 0
			b.set(gate, nil)
			b.taken = nil
		}
		close(gate)
	})
	if n := strings.Count(text.String(), "events are dropped"); n != 2 {
		t.Errorf("%d sentences of two episodes: %s", n, text)
	}
	if n := strings.Count(text.String(), "dropped=10"); n != 2 {
		t.Errorf("%d ends of two episodes: %s", n, text)
	}
}

// TestNotifierTriesAgain: a broker that is away for a while gets what was told
// meanwhile; of one that stays away an event is dropped after a minute.
func TestNotifierTriesAgain(t *testing.T) {
	logged(t)
	synctest.Test(t, func(t *testing.T) {
		dropped := 0
		b := &broker{err: errors.New("away")}
		n := NewNotifier(b, nil, func() { dropped++ })
		defer n.Close(t.Context())
		n.As("a").Publish(t.Context(), "kept", nil)
		time.Sleep(tryFor / 2)
		b.set(nil, nil)
		time.Sleep(tryFor / 4)
		if got := b.types(); !slices.Equal(got, []string{"a kept"}) || dropped != 0 {
			t.Errorf("%v arrived, %d were dropped", got, dropped)
		}
		b.set(nil, errors.New("away"))
		n.As("a").Publish(t.Context(), "lost", nil)
		time.Sleep(tryFor + time.Second)
		b.set(nil, nil)
		n.As("a").Publish(t.Context(), "next", nil)
		synctest.Wait()
		if got := b.types(); !slices.Equal(got, []string{"a kept", "a next"}) || dropped != 1 {
			t.Errorf("%v arrived, %d were dropped", got, dropped)
		}
	})
}

// TestNotifierClose: an orderly stop sends what is queued, and waits for a
// broker that does not read no longer than it may.
func TestNotifierClose(t *testing.T) {
	logged(t)
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := &broker{gate: gate}
		n := NewNotifier(b, nil, nil)
		for range 5 {
			n.As("a").Publish(t.Context(), "e", nil)
		}
		go func() { time.Sleep(time.Second); close(gate) }()
		n.Close(t.Context())
		if got := b.types(); len(got) != 5 {
			t.Errorf("%v arrived", got)
		}
		n.As("a").Publish(t.Context(), "late", nil) // dropped, not a panic
		n.Close(t.Context())

		for name, b := range map[string]*broker{"stuck": {gate: make(chan struct{})}, "away": {err: errors.New("away")}} {
			dropped := 0
			n = NewNotifier(b, nil, func() { dropped++ })
			for range 5 {
				n.As("a").Publish(t.Context(), "e", nil)
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			n.Close(ctx)
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("%s: the stop took %v", name, took)
			}
			if b.gate != nil {
				close(b.gate)
			}
			if synctest.Wait(); dropped+len(b.types()) != 5 {
				t.Errorf("%s: %d dropped, %v arrived", name, dropped, b.types())
			}
		}
	})
}

// TestNoNotifier: nobody to tell is no trouble.
func TestNoNotifier(t *testing.T) {
	var n *Notifier
	n.As("a").Publish(t.Context(), "e", nil)
	n.Close(t.Context())
}
