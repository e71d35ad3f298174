package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/uuid"
)

const (
	// queued is how many events wait for a bus that is slow; one takes some kilobytes.
	queued = 4096
	// tryFor is how long an event is tried to be sent when the bus refuses it.
	tryFor = time.Minute
)

// Notifier publishes events without ever keeping its caller waiting: they are
// queued, and sent one after the other in the order in which they were told.
//
// An event is a hint, and nobody's state is lost with it. It is sent at most
// once, at best: one that waits when the process is killed is lost, and so is
// one that finds the queue full or that the bus does not take within a minute.
// Such are counted. oslo.messaging promises no more; there, a call waits for
// the broker instead.
//
// The nil Notifier publishes nothing.
type Notifier struct {
	publisher string
	*outbox
}

// outbox is what the notifiers of a process share.
type outbox struct {
	bus interface {
		Notify(ctx context.Context, e Event) error
	}
	clock   clock.Clock
	dropped func()
	queue   chan Event
	ended   chan struct{} // closed when the sender has
	ctx     context.Context
	cancel  context.CancelFunc

	mu     sync.Mutex // guards what follows, and the queue against being closed
	closed bool
	lost   int // events of this episode; 0 when the bus takes them
}

// NewNotifier sends to a bus until Close. A nil clock is the machine's; dropped
// is told of every event that is not sent, unless it is nil.
func NewNotifier(bus interface {
	Notify(ctx context.Context, e Event) error
}, c clock.Clock, dropped func()) *Notifier {
	if c == nil {
		c = clock.System
	}
	if dropped == nil {
		dropped = func() {}
	}
	o := &outbox{bus: bus, clock: c, dropped: dropped, queue: make(chan Event, queued), ended: make(chan struct{})}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	go o.run()
	return &Notifier{outbox: o}
}

// As is the Notifier of a publisher, say "identity.host1".
func (n *Notifier) As(publisher string) *Notifier {
	if n == nil {
		return nil
	}
	return &Notifier{publisher, n.outbox}
}

// AfterCommit publishes an event once tx is in the database, and never if it is
// rolled back. The payload is made then.
func (n *Notifier) AfterCommit(ctx context.Context, tx interface{ AfterCommit(func()) }, event string, payload func(context.Context) any) {
	if n == nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // the change is there, whether or not its caller still is
	tx.AfterCommit(func() { n.Publish(ctx, event, payload(ctx)) })
}

// Publish publishes an event of something that is no change, or that is in the database already.
func (n *Notifier) Publish(ctx context.Context, event string, payload any) {
	if n == nil {
		return
	}
	text, err := json.Marshal(payload)
	if err != nil {
		slog.ErrorContext(ctx, "an event cannot be told", "event", event, "error", err)
		return
	}
	n.enqueue(Event{MessageID: uuid.New(), PublisherID: n.publisher, Type: event, Priority: "INFO", Timestamp: n.clock.Now(), Payload: text})
}

// Close sends what is queued, until ctx ends; what is left then is dropped.
func (n *Notifier) Close(ctx context.Context) {
	if n == nil {
		return
	}
	n.mu.Lock()
	if !n.closed {
		n.closed = true
		close(n.queue)
	}
	n.mu.Unlock()
	select {
	case <-n.ended:
	case <-ctx.Done():
		n.cancel() // the sender drops the rest as soon as the bus lets it go
	}
}

// Reasons why an event is dropped.
var (
	errFull    = errors.New("too many wait for the bus")
	errStopped = errors.New("the process stops")
)

func (o *outbox) enqueue(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		o.drop(errStopped)
		return
	}
	select {
	case o.queue <- e:
	default:
		o.drop(errFull)
	}
}

// run is the sender.
func (o *outbox) run() {
	defer close(o.ended)
	defer o.cancel()
	for e := range o.queue {
		err := o.send(e)
		o.mu.Lock()
		if err != nil {
			o.drop(err)
		} else if o.lost > 0 && len(o.queue) == 0 {
			slog.Info("events are sent again", "dropped", o.lost)
			o.lost = 0
		}
		o.mu.Unlock()
	}
}

// send tries again, with growing pauses, when the bus refuses.
func (o *outbox) send(e Event) error {
	ctx, cancel := context.WithTimeout(o.ctx, tryFor)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		if o.ctx.Err() != nil {
			return errStopped
		}
		err := o.bus.Notify(ctx, e)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// drop counts an event that is not sent; the first of an episode is told. It runs under mu.
func (o *outbox) drop(reason error) {
	if o.lost == 0 {
		slog.Warn("events are dropped", "error", reason)
	}
	o.lost++
	o.dropped()
}
