package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// pool keeps connections to the first server that answers. A connection is
// used by one at a time. A size of 0 keeps none.
type pool struct {
	servers  []server
	user     string // whom connections are bound as; "" is nobody
	password string
	timeout  time.Duration // for a connection, and for an answer
	lifetime time.Duration
	attempts int // of connecting, to all servers
	delay    time.Duration

	slots  chan struct{} // taken by connections in use; nil is any number
	mu     sync.Mutex
	idle   []pooled
	closed bool
}

type pooled struct {
	*goldap.Conn
	made time.Time
}

// errAway is that no server can be reached.
type errAway struct{ error }

func (e errAway) Unwrap() error { return e.error }

// do calls fn with a connection. One that was kept and turns out to be dead,
// because the server has restarted since, is replaced once.
func (p *pool) do(ctx context.Context, fn func(c *goldap.Conn) error) error {
	if p.slots != nil {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		defer func() { <-p.slots }()
	}
	for kept, ok := p.take(); ok; kept, ok = p.take() {
		err := p.use(ctx, kept, fn)
		if !dead(err) || ctx.Err() != nil {
			return err
		}
	}
	fresh, err := p.connect(ctx)
	if err != nil {
		return err
	}
	return p.use(ctx, fresh, fn)
}

// use calls fn and keeps the connection if it is still good.
func (p *pool) use(ctx context.Context, c pooled, fn func(c *goldap.Conn) error) error {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	err := fn(c.Conn)
	if !stop() {
		return errors.Join(context.Cause(ctx), err)
	}
	if dead(err) {
		c.Close()
	} else {
		p.keep(c)
	}
	return err
}

// dead reports whether an error says that the connection is of no use any more.
// What the library says of a failed read or write has no code of LDAP at all.
func dead(err error) bool {
	var coded *goldap.Error
	if err == nil || !errors.As(err, &coded) {
		return err != nil
	}
	return goldap.IsErrorAnyOf(err, goldap.ErrorNetwork, goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultServerDown, goldap.LDAPResultTimeout,
		goldap.ErrorUnexpectedMessage, goldap.ErrorUnexpectedResponse)
}

// take gives a connection that was kept and has not lived too long.
func (p *pool) take() (pooled, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !c.IsClosing() && time.Since(c.made) < p.lifetime {
			return c, true
		}
		c.Close()
	}
	return pooled{}, false
}

func (p *pool) keep(c pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.slots == nil || time.Since(c.made) >= p.lifetime {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}

// connect tries the servers in turn, all of them several times.
func (p *pool) connect(ctx context.Context) (pooled, error) {
	var errs []error
	for attempt := range p.attempts {
		if attempt > 0 {
			select {
			case <-time.After(p.delay):
			case <-ctx.Done():
				return pooled{}, context.Cause(ctx)
			}
		}
		errs = nil
		for _, s := range p.servers {
			c, err := p.connectTo(ctx, s)
			if err == nil && len(errs) > 0 {
				slog.WarnContext(ctx, "another LDAP server is asked", "url", s.url, "error", errors.Join(errs...))
			}
			if err == nil || goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
				return c, err
			}
			errs = append(errs, fmt.Errorf("%s: %w", s.url, err))
		}
	}
	return pooled{}, errAway{fmt.Errorf("unable to establish a connection to LDAP server: %w", errors.Join(errs...))}
}

func (p *pool) connectTo(ctx context.Context, s server) (pooled, error) {
	dialing, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var raw net.Conn
	var err error
	if s.early {
		raw, err = (&tls.Dialer{Config: s.tls}).DialContext(dialing, "tcp", s.address)
	} else {
		raw, err = (&net.Dialer{}).DialContext(dialing, "tcp", s.address)
	}
	if err != nil {
		return pooled{}, err
	}
	c := goldap.NewConn(raw, s.early)
	c.Start()
	c.SetTimeout(p.timeout)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if s.tls != nil && !s.early {
		err = c.StartTLS(s.tls)
	}
	if err == nil && p.user != "" && p.password != "" {
		err = c.Bind(p.user, p.password)
	}
	if err != nil {
		c.Close()
		return pooled{}, err
	}
	return pooled{c, time.Now()}, nil
}
