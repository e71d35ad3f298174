package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

type ask struct{ Name string }
type told struct{ Text, User, RequestID string }

var greet = Method[ask, told]{Name: "greet", Version: "1.0"}

// suite is what every driver must pass.
func suite(t *testing.T, bus Bus) {
	methods := Methods{}
	Handle(methods, greet, func(ctx context.Context, q ask) (told, error) {
		switch q.Name {
		case "":
			return told{}, fault.BadRequest("a name is needed").As("NoName")
		case "slow":
			<-ctx.Done()
			return told{}, ctx.Err()
		case "panic":
			panic("boom")
		}
		return told{Text: "hello " + q.Name, User: auth.Caller(ctx).UserID, RequestID: auth.RequestID(ctx)}, nil
	})
	ctx := auth.WithRequestID(auth.WithCaller(t.Context(), auth.Identity{UserID: "u1"}), "req-1")

	if _, err := greet.Call(ctx, bus, "greeter.host-1.example", ask{"x"}); !errors.Is(err, ErrNobody) {
		t.Fatalf("call without a server: %v", err)
	}
	stop, err := bus.Serve("greeter.host-1.example", methods)
	if err != nil {
		t.Fatal(err)
	}
	got, err := greet.Call(ctx, bus, "greeter.host-1.example", ask{"x"})
	if err != nil || got != (told{"hello x", "u1", "req-1"}) {
		t.Fatalf("call: %+v, %v", got, err)
	}
	_, err = greet.Call(ctx, bus, "greeter.host-1.example", ask{})
	if f, ok := fault.Of(err); !ok || f.Status != 400 || f.Type != "NoName" || f.Message != "a name is needed" {
		t.Fatalf("a fault did not cross the bus: %v", err)
	}
	if _, err = greet.Call(ctx, bus, "greeter.host-1.example", ask{"panic"}); err == nil {
		t.Fatal("a panic came back as success")
	}
	if err = bus.Call(ctx, "greeter.host-1.example", "nosuch", ask{}, nil); !errors.Is(err, ErrNoMethod) {
		t.Fatalf("unknown method: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err = greet.Call(short, bus, "greeter.host-1.example", ask{"slow"}); !errors.Is(err, ErrTimeout) {
		t.Fatalf("slow call: %v", err)
	}
	stop()
	for deadline := time.Now().Add(time.Minute); !errors.Is(err, ErrNobody); { // stop waits a second for a broker that is busy
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, err = greet.Call(short, bus, "greeter.host-1.example", ask{"x"}); err == nil || time.Now().After(deadline) {
			t.Fatalf("call after stop: %v", err)
		}
	}
	fanout(t, ctx, bus)
	events(t, ctx, bus)
}

func fanout(t *testing.T, ctx context.Context, bus Bus) {
	heard := make(chan int, 2)
	for i := range 2 {
		stop, err := bus.Serve("all", Methods{"go": func(context.Context, json.RawMessage) (any, error) { heard <- i; return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	if err := bus.Fanout(ctx, "all", "go", ask{}); err != nil {
		t.Fatal(err)
	}
	if a, b := <-heard, <-heard; a == b {
		t.Fatalf("server %d heard the fanout twice", a)
	}
	if err := bus.Cast(ctx, "all", "go", ask{}); err != nil {
		t.Fatal(err)
	}
	<-heard
}

func events(t *testing.T, ctx context.Context, bus Bus) {
	got := make(chan Event, 1)
	stop, err := bus.Listen(func(e Event) { got <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := bus.Notify(ctx, Event{Type: "compute.instance.create.end", Payload: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	if e := <-got; e.Type != "compute.instance.create.end" || string(e.Payload) != `{"a":1}` {
		t.Fatalf("event %+v", e)
	}
}

func TestInProcess(t *testing.T) {
	bus, err := InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	suite(t, bus)
}

func TestNATS(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, MaxPayload: maxMessage, MaxPending: 4 * maxMessage})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	dial := func(url string) (*NATS, error) { return DialNATS(url) }
	bus, err := dial(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	suite(t, bus)
	t.Run("stuck", func(t *testing.T) { stuck(t, srv.ClientURL(), dial) })
	t.Run("silent", func(t *testing.T) { silent(t, srv.ClientURL(), dial) })
}

func BenchmarkCall(b *testing.B) {
	bus, err := InProcess()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bus.Close)
	methods := Methods{}
	Handle(methods, greet, func(_ context.Context, q ask) (told, error) { return told{Text: q.Name}, nil })
	stop, err := bus.Serve("greeter", methods)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	for b.Loop() {
		if _, err := greet.Call(b.Context(), bus, "greeter", ask{"x"}); err != nil {
			b.Fatal(err)
		}
	}
}
