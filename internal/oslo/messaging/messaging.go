// Package messaging is the bus between the processes of a service: calls with
// an answer, casts without, fanouts to everybody, and notifications.
//
// A message is a hint or a question, never the truth: losing any of them
// costs latency, not state. A call to a topic that nobody serves fails at
// once with ErrNobody. Caller and request ID travel with every message;
// faults come back as faults.
package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/trace"
)

// DefaultTimeout bounds a Call, Cast or Fanout whose context has no deadline.
const DefaultTimeout = 60 * time.Second

var (
	// ErrNobody means that no process serves the topic now.
	ErrNobody = errors.New("nobody serves this topic")
	// ErrTimeout means that no answer came in time; the method may have run.
	ErrTimeout = errors.New("no answer in time")
	// ErrNoMethod means that the server does not know the method.
	ErrNoMethod = errors.New("no such method")
)

// Bus carries messages. Drivers: in-process (NATS embedded) and RabbitMQ.
type Bus interface {
	// Call asks one server of the topic and waits for its reply.
	Call(ctx context.Context, topic, method string, req, reply any) error
	// Cast tells one server of the topic, which may be none, and does not wait.
	Cast(ctx context.Context, topic, method string, req any) error
	// Fanout tells every server of the topic.
	Fanout(ctx context.Context, topic, method string, req any) error
	// Serve answers for a topic until stop is called; stop waits for running methods.
	Serve(topic string, methods Methods) (stop func(), err error)
	// Notify publishes an event to all listeners.
	Notify(ctx context.Context, e Event) error
	// Listen receives every event published from now on.
	Listen(fn func(Event)) (stop func(), err error)
	// Close ends the connection.
	Close()
}

// Event is a notification in oslo.messaging's format.
type Event struct {
	MessageID   string          `json:"message_id"`
	PublisherID string          `json:"publisher_id"` // "compute.host1"
	Type        string          `json:"event_type"`   // "compute.instance.create.end"
	Priority    string          `json:"priority"`     // INFO, WARN, ERROR
	Timestamp   time.Time       `json:"timestamp"`
	Payload     json.RawMessage `json:"payload"`
}

// Methods maps a method's name to what serves it.
type Methods map[string]func(ctx context.Context, req json.RawMessage) (any, error)

// Method is a typed message: request Q, reply R.
type Method[Q, R any] struct{ Name, Version string }

// Call asks and waits.
func (m Method[Q, R]) Call(ctx context.Context, bus Bus, topic string, q Q) (R, error) {
	var r R
	err := bus.Call(ctx, topic, m.Name, q, &r)
	if err != nil {
		err = fmt.Errorf("%s to %s: %w", m.Name, topic, err)
	}
	return r, err
}

// Cast tells without waiting.
func (m Method[Q, R]) Cast(ctx context.Context, bus Bus, topic string, q Q) error {
	return bus.Cast(ctx, topic, m.Name, q)
}

// Handle adds what serves m to methods.
func Handle[Q, R any](methods Methods, m Method[Q, R], fn func(ctx context.Context, q Q) (R, error)) {
	methods[m.Name] = func(ctx context.Context, req json.RawMessage) (any, error) {
		var q Q
		if err := json.Unmarshal(req, &q); err != nil {
			return nil, fmt.Errorf("decode %s: %w", m.Name, err)
		}
		return fn(ctx, q)
	}
}

// envelope is a message on the wire of every driver.
type envelope struct {
	Method    string          `json:"method"`
	Request   json.RawMessage `json:"args"`
	Caller    auth.Identity   `json:"caller"`
	RequestID string          `json:"request_id,omitempty"`
}

// answer is a reply on the wire of every driver.
type answer struct {
	Reply   json.RawMessage `json:"result,omitempty"`
	Fault   *fault.Fault    `json:"fault,omitempty"`
	Failure string          `json:"failure,omitempty"`
	Unknown bool            `json:"unknown_method,omitempty"`
}

func pack(ctx context.Context, method string, req any) ([]byte, error) {
	args, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", method, err)
	}
	return json.Marshal(envelope{Method: method, Request: args, Caller: auth.Caller(ctx), RequestID: auth.RequestID(ctx)})
}

// inTime gives what ask gets, but waits for it no longer than ctx allows, or
// DefaultTimeout: a broker that does not read holds up whoever writes to it. ask
// ends then, or with the connection.
func inTime(ctx context.Context, ask func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	var data []byte
	asked := make(chan error, 1)
	go func() {
		var err error
		data, err = ask(ctx)
		asked <- err
	}()
	select {
	case err := <-asked:
		return data, late(err)
	case <-ctx.Done():
		return nil, late(ctx.Err())
	}
}

// late is ErrTimeout if err is that of a deadline.
func late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout
	}
	return err
}

// serve runs the method that an envelope asks for and packs its answer.
func serve(ctx context.Context, methods Methods, data []byte) []byte {
	var e envelope
	var a answer
	if err := json.Unmarshal(data, &e); err != nil {
		a.Failure = "malformed message: " + err.Error()
	} else if fn := methods[e.Method]; fn == nil {
		a.Unknown = true
	} else {
		ctx, span := trace.Start(auth.WithRequestID(auth.WithCaller(ctx, e.Caller), e.RequestID), "message "+e.Method)
		a = run(ctx, fn, e)
		span.End(nil)
	}
	out, _ := json.Marshal(a)
	return out
}

func run(ctx context.Context, fn func(context.Context, json.RawMessage) (any, error), e envelope) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Failure: fmt.Sprintf("%s panicked: %v", e.Method, p)}
		}
	}()
	v, err := fn(ctx, e.Request)
	if f, ok := fault.Of(err); ok {
		return answer{Fault: f, Failure: err.Error()}
	} else if err != nil {
		return answer{Failure: err.Error()}
	}
	reply, err := json.Marshal(v)
	if err != nil {
		return answer{Failure: "encode reply: " + err.Error()}
	}
	return answer{Reply: reply}
}

// unpack turns an answer into the reply or the error it carries.
func unpack(data []byte, reply any) error {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	switch {
	case a.Unknown:
		return ErrNoMethod
	case a.Fault != nil:
		return a.Fault.Cause(errors.New(a.Failure))
	case a.Failure != "":
		return errors.New(a.Failure)
	case reply == nil || len(a.Reply) == 0:
		return nil
	}
	return json.Unmarshal(a.Reply, reply)
}

// Dial joins the brokers of a URL: nats://… or amqp://….
func Dial(url string) (Bus, error) {
	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "nats", "tls":
		return DialNATS(url)
	case "amqp", "amqps":
		return DialRabbitMQ(url)
	}
	return nil, fmt.Errorf("bus %q: the scheme is none of nats, tls, amqp, amqps", url)
}
