package messaging

import (
	"testing"
	"time"

	"nacre/internal/oslo/messaging/messagingtest"
)

func TestRabbitMQ(t *testing.T) {
	bus, err := DialRabbitMQ(messagingtest.RabbitMQ(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	suite(t, bus)
	t.Run("reconnects", func(t *testing.T) {
		stop, err := bus.Serve("again", Methods{})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		bus.mu.Lock()
		conn := bus.conn
		bus.mu.Unlock()
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			err := bus.Call(t.Context(), "again", "nosuch", nil, nil)
			if err == ErrNoMethod {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("still %v", err)
			}
		}
	})
}
