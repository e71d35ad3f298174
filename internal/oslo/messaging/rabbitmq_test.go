package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/messaging/messagingtest"
)

// stopReading is a broker's address whose connections, once told to, take no
// more bytes from a client than sockets hold.
func stopReading(t *testing.T, url string) (through string, stop func()) {
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker, stopped, ended := u.Host, make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(ended); l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", broker)
			if err != nil {
				client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, server); client.Close() }()
			go func() {
				defer server.Close()
				buf := make([]byte, 4096)
				for {
					n, err := client.Read(buf)
					if err == nil {
						_, err = server.Write(buf[:n])
					}
					if err != nil {
						return
					}
					select {
					case <-stopped:
						<-ended
						return
					default:
					}
				}
			}()
		}
	}()
	u.Host = l.Addr().String()
	return u.String(), func() { close(stopped) }
}

// stuck has a broker that stops reading: whoever tells of events goes on, and so does a stop.
func stuck[B Bus](t *testing.T, url string, dial func(url string) (B, error)) {
	through, stop := stopReading(t, url)
	bus, err := dial(through)
	if err != nil {
		t.Fatal(err)
	}
	leave, err := bus.Serve("stuck", Methods{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	done := make(chan int)
	go func() {
		dropped := 0
		n := NewNotifier(bus, nil, func() { dropped++ })
		large := strings.Repeat("x", 1<<20)
		for range 64 {
			n.As("p").Publish(t.Context(), "large", large)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		n.Close(ctx)
		leave()
		bus.Close()
		<-n.ended
		done <- dropped
	}()
	select {
	case dropped := <-done:
		if dropped == 0 {
			t.Error("nothing was dropped: the broker has read on")
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("still waiting for the broker")
	}
}

// silent has a broker that stops reading: whoever calls or casts waits no longer than it wants to.
func silent[B Bus](t *testing.T, url string, dial func(url string) (B, error)) {
	through, stop := stopReading(t, url)
	bus, err := dial(through)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	stop()
	done := make(chan error)
	go func() {
		defer close(done)
		large := strings.Repeat("x", 1<<20)
		for range 64 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if err := bus.Cast(ctx, "silent", "any", large); err != nil {
				done <- err
			}
			done <- bus.Call(ctx, "silent", "any", large, nil)
			cancel()
		}
	}()
	for late := time.After(20 * time.Second); ; {
		select {
		case err, more := <-done:
			if !more {
				return
			}
			if !errors.Is(err, ErrTimeout) {
				t.Error(err)
			}
		case <-late:
			t.Fatal("still waiting for the broker")
		}
	}
}

func TestRabbitMQ(t *testing.T) {
	url := messagingtest.RabbitMQ(t)
	bus, err := DialRabbitMQ(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	suite(t, bus)
	t.Run("stuck", func(t *testing.T) { stuck(t, url, DialRabbitMQ) })
	t.Run("silent", func(t *testing.T) { silent(t, url, DialRabbitMQ) })
	t.Run("reconnects", func(t *testing.T) {
		entered := make(chan struct{})
		stop, err := bus.Serve("again", Methods{"slow": func(ctx context.Context, _ json.RawMessage) (any, error) {
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		long, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		lost := make(chan error, 1)
		go func() { lost <- bus.Call(long, "again", "slow", nil, nil) }()
		<-entered
		bus.mu.Lock()
		conn := bus.conn
		bus.mu.Unlock()
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		select {
		case err := <-lost:
			if err != ErrTimeout {
				t.Errorf("a call whose answer cannot come any more: %v", err)
			}
		case <-time.After(2 * time.Minute):
			t.Error("a call waits for an answer that cannot come any more")
		}
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
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
