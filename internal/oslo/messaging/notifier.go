package messaging

import (
	"context"
	"encoding/json"
	"log/slog"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/uuid"
)

// Notifier publishes the events of one publisher. An event is a hint: one that
// cannot be published is logged, and nobody's state is lost with it. The nil
// Notifier publishes nothing.
type Notifier struct {
	publisher string
	bus       interface {
		Notify(ctx context.Context, e Event) error
	}
	clock clock.Clock
}

// NewNotifier is a publisher, say "identity.host1", on a bus. A nil clock is
// the machine's.
func NewNotifier(publisher string, bus Bus, c clock.Clock) *Notifier {
	if c == nil {
		c = clock.System
	}
	return &Notifier{publisher, bus, c}
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

// Publish publishes an event of something that is no change.
func (n *Notifier) Publish(ctx context.Context, event string, payload any) {
	if n == nil {
		return
	}
	text, err := json.Marshal(payload)
	if err == nil {
		err = n.bus.Notify(ctx, Event{MessageID: uuid.New(), PublisherID: n.publisher, Type: event, Priority: "INFO",
			Timestamp: n.clock.Now(), Payload: text})
	}
	if err != nil {
		slog.WarnContext(ctx, "an event was not published", "event", event, "error", err)
	}
}
