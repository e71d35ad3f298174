package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"nacre/internal/nova/virt"
)

// callTimeout bounds a call whose caller set no deadline.
const callTimeout = 2 * time.Minute

// client is one connection to the daemon.
type client struct {
	*libvirt.Libvirt
	conn net.Conn
}

// Dial makes the client use its one connection.
func (c *client) Dial() (net.Conn, error) { return c.conn, nil }

// connect opens a connection. The library knows no contexts: closing the connection is what ends its waiting.
func connect(ctx context.Context, dial func() (net.Conn, error)) (*client, error) {
	conn, err := dial()
	if err != nil {
		return nil, fmt.Errorf("connect to libvirt: %w", err)
	}
	c := &client{conn: conn}
	c.Libvirt = libvirt.NewWithDialer(c)
	if err := within(ctx, conn, func() error { return c.ConnectToURI(libvirt.QEMUSystem) }); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to libvirt: %w", err)
	}
	return c, nil
}

// within runs fn and closes conn when ctx ends first.
func within(ctx context.Context, conn net.Conn, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		conn.Close()
		return ctx.Err()
	}
}

// pool is the one connection for calls, opened again after it broke.
type pool struct {
	dial func() (net.Conn, error)

	mu  sync.Mutex
	cur *client
}

// get returns a connection that works as far as one can tell.
func (p *pool) get(ctx context.Context) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cur != nil && p.cur.IsConnected() {
		return p.cur, nil
	}
	c, err := p.reconnect(ctx)
	if err == nil {
		p.cur = c
	}
	return c, err
}

// startup is how long a daemon that is started again may take until it listens.
const startup = 20 * time.Second

// reconnect opens a connection, again and again while nobody listens.
func (p *pool) reconnect(ctx context.Context) (*client, error) {
	for deadline := time.Now().Add(startup); ; {
		c, err := connect(ctx, p.dial)
		away := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
		if !away || time.Now().After(deadline) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close ends the connection; the next call opens another.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cur != nil {
		p.cur.conn.Close()
		p.cur = nil
	}
}

// do runs fn with the connection, and drops that when ctx ends first.
func (p *pool) do(ctx context.Context, fn func(*client) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	c, err := p.get(ctx)
	if err != nil {
		return err
	}
	return within(ctx, c.conn, func() error { return fn(c) })
}

// lookup finds a guest's domain. virt.ErrNoGuest.
func (c *client) lookup(id string) (libvirt.Domain, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return libvirt.Domain{}, fmt.Errorf("guest %q: %w", id, virt.ErrNoGuest)
	}
	dom, err := c.DomainLookupByUUID(libvirt.UUID(u))
	if libvirt.IsNotFound(err) {
		return dom, fmt.Errorf("guest %s: %w", id, virt.ErrNoGuest)
	}
	return dom, err
}

// definition reads a domain's XML, the live one if it runs.
func (c *client) definition(dom libvirt.Domain, flags libvirt.DomainXMLFlags) (*domain, error) {
	text, err := c.DomainGetXMLDesc(dom, flags)
	if err != nil {
		return nil, gone(err)
	}
	return parseDomain(text)
}

// gone turns the library's word for an absent domain into ours.
func gone(err error) error {
	if libvirt.IsNotFound(err) {
		return fmt.Errorf("%w: %w", virt.ErrNoGuest, err)
	}
	return err
}

// is tells libvirt's error numbers apart.
func is(err error, numbers ...libvirt.ErrorNumber) bool {
	var e libvirt.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, n := range numbers {
		if e.Code == uint32(n) {
			return true
		}
	}
	return false
}
