package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// maxMessage is the largest message, in bytes: a host's whole desired state fits.
const maxMessage = 32 << 20

// NATS is a Bus on a NATS server: one of this process, or a cluster.
type NATS struct {
	conn   *nats.Conn
	server *server.Server // nil when it is not ours
	socket *socket        // nil when it is
	ctx    context.Context
	cancel context.CancelFunc
	leaving
}

// socket dials, and can end the connection when the library waits for a server
// that does not read: it does so for a minute, and nothing else is done meanwhile.
type socket struct {
	net.Dialer
	mu    sync.Mutex
	conn  net.Conn
	ended bool
}

// Dial implements nats.CustomDialer.
func (s *socket) Dial(network, address string) (net.Conn, error) {
	conn, err := s.Dialer.Dial(network, address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.ended {
		_, err = conn.Close(), net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return conn, nil
}

func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// InProcess starts a bus within this process; nothing listens on a socket.
func InProcess() (*NATS, error) {
	srv, err := server.NewServer(&server.Options{ServerName: "nacre", DontListen: true, NoSigs: true, NoLog: true,
		MaxPayload: maxMessage, MaxPending: 4 * maxMessage, MaxControlLine: 4096})
	if err != nil {
		return nil, fmt.Errorf("in-process bus: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(time.Minute) {
		return nil, errors.New("in-process bus: not ready after a minute")
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv), nats.MaxReconnects(-1))
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("in-process bus: %w", err)
	}
	return newNATS(conn, srv, nil), nil
}

// DialNATS joins the NATS servers of url ("nats://host:4222,…").
func DialNATS(url string, opts ...nats.Option) (*NATS, error) {
	s := &socket{Dialer: net.Dialer{Timeout: nats.DefaultTimeout}}
	conn, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.SetCustomDialer(s)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("bus %s: %w", url, err)
	}
	return newNATS(conn, nil, s), nil
}

func newNATS(conn *nats.Conn, srv *server.Server, s *socket) *NATS {
	ctx, cancel := context.WithCancel(context.Background())
	return &NATS{conn: conn, server: srv, socket: s, ctx: ctx, cancel: cancel}
}

// subject makes a topic safe as a NATS subject: a host name keeps its dots as one token.
func subject(kind, topic string) string {
	r := strings.NewReplacer(".", "_", " ", "_", "*", "_", ">", "_")
	return kind + "." + r.Replace(topic)
}

// Call implements Bus.
func (b *NATS) Call(ctx context.Context, topic, method string, req, reply any) error {
	data, err := pack(ctx, method, req)
	if err != nil {
		return err
	}
	out, err := inTime(ctx, func(ctx context.Context) ([]byte, error) { return b.ask(ctx, subject("call", topic), data) })
	if err != nil {
		return err
	}
	return unpack(out, reply)
}

func (b *NATS) ask(ctx context.Context, subj string, data []byte) ([]byte, error) {
	msg, err := b.conn.RequestWithContext(ctx, subj, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNobody
	case errors.Is(err, nats.ErrTimeout):
		return nil, ErrTimeout
	case err != nil:
		return nil, fmt.Errorf("bus: %w", err)
	}
	return msg.Data, nil
}

// Cast implements Bus.
func (b *NATS) Cast(ctx context.Context, topic, method string, req any) error {
	return b.publish(ctx, subject("call", topic), method, req)
}

// Fanout implements Bus.
func (b *NATS) Fanout(ctx context.Context, topic, method string, req any) error {
	return b.publish(ctx, subject("fanout", topic), method, req)
}

func (b *NATS) publish(ctx context.Context, subj, method string, req any) error {
	data, err := pack(ctx, method, req)
	if err != nil {
		return err
	}
	_, err = inTime(ctx, func(context.Context) ([]byte, error) { return nil, b.conn.Publish(subj, data) })
	return err
}

// Serve implements Bus.
func (b *NATS) Serve(topic string, methods Methods) (func(), error) {
	var running, replying sync.WaitGroup
	ctx, cancel := context.WithCancel(b.ctx)
	handle := func(m *nats.Msg) {
		running.Add(1)
		replying.Add(1)
		go func() {
			defer replying.Done()
			out := serve(ctx, methods, m.Data)
			running.Done()
			if m.Reply != "" {
				_ = m.Respond(out)
			}
		}()
	}
	one, err := b.conn.QueueSubscribe(subject("call", topic), "servers", handle)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("serve %s: %w", topic, err)
	}
	all, err := b.conn.Subscribe(subject("fanout", topic), handle)
	if err != nil {
		cancel()
		_ = one.Unsubscribe()
		return nil, fmt.Errorf("serve %s: %w", topic, err)
	}
	for _, sub := range []*nats.Subscription{one, all} {
		_ = sub.SetPendingLimits(-1, 8*maxMessage)
	}
	return func() {
		b.tell(func() { _, _, _ = one.Unsubscribe(), all.Unsubscribe(), b.conn.Flush() })
		cancel()
		running.Wait()
		b.tell(replying.Wait)
	}, b.conn.Flush()
}

// Notify implements Bus.
func (b *NATS) Notify(_ context.Context, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("notify %s: %w", e.Type, err)
	}
	return b.conn.Publish("notifications", data)
}

// Listen implements Bus.
func (b *NATS) Listen(fn func(Event)) (func(), error) {
	sub, err := b.conn.Subscribe("notifications", func(m *nats.Msg) {
		var e Event
		if json.Unmarshal(m.Data, &e) == nil {
			fn(e)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return func() { b.tell(func() { _ = sub.Unsubscribe() }) }, b.conn.Flush()
}

// Close implements Bus.
func (b *NATS) Close() {
	b.cancel()
	closed := make(chan struct{})
	go func() { b.conn.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(closeWithin):
		if b.socket != nil {
			b.socket.end()
		}
		<-closed
	}
	b.work.Wait()
	if b.server != nil {
		b.server.Shutdown()
	}
}
