package libvirt

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Watch listens to lifecycle events on a connection of its own, and connects again for as long as ctx lasts.
func (d *Driver) Watch(ctx context.Context, changed func(id string)) error {
	for ctx.Err() == nil {
		if err := d.listen(ctx, changed); err != nil && ctx.Err() == nil {
			d.cfg.Log.WarnContext(ctx, "libvirt's events ended; listening again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// listen forwards events until the connection ends. The library must be rid of them fast, whatever changed does.
func (d *Driver) listen(ctx context.Context, changed func(id string)) error {
	c, err := connect(ctx, d.cfg.Daemon.Dial)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	end := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer end()
	events, err := c.LifecycleEvents(context.Background()) // ended by closing the connection
	if err != nil {
		return err
	}
	q := newQueue()
	var wg sync.WaitGroup
	wg.Go(func() { q.drain(changed) })
	q.put("") // what happened before we listened
	for e := range events {
		q.put(uuid.UUID(e.Dom.UUID).String())
	}
	q.close()
	wg.Wait()
	return nil
}

// queue holds the guests that changed, each once.
type queue struct {
	mu     sync.Mutex
	ids    []string
	wake   chan struct{}
	closed bool
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) put(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, have := range q.ids {
		if have == id {
			return
		}
	}
	q.ids = append(q.ids, id)
	q.signal()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drain calls fn for each ID until the queue is closed.
func (q *queue) drain(fn func(id string)) {
	for range q.wake {
		q.mu.Lock()
		ids, closed := q.ids, q.closed
		q.ids = nil
		q.mu.Unlock()
		for _, id := range ids {
			fn(id)
		}
		if closed {
			return
		}
	}
}
