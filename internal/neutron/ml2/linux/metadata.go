package linux

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nacre/internal/neutron/ml2"
)

// proxies are the listeners for guests' metadata requests, each with its
// socket in the namespace of a network or a router.
type proxies struct {
	serve ml2.Metadata
	mu    sync.Mutex
	open  map[ml2.Scope]*proxy
}

type proxy struct {
	server *http.Server
	inode  uint64 // of the namespace: a new one needs a new socket
	done   chan struct{}
}

func newProxies(serve ml2.Metadata) *proxies {
	return &proxies{serve: serve, open: map[ml2.Scope]*proxy{}}
}

// listen answers a scope's requests on an address within its namespace.
func (p *proxies) listen(ns *namespace, scope ml2.Scope, address string) error {
	if p.serve == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.ns), &st); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.open[scope]; old != nil {
		if old.inode == st.Ino && old.alive() {
			return nil
		}
		old.stop()
		delete(p.open, scope)
	}
	listener, err := listenInside(ns, address)
	if err != nil {
		return err
	}
	p.open[scope] = start(listener, p.serve.Handler(scope), st.Ino)
	return nil
}

// listenInside opens a socket in a namespace; it stays there whoever uses it.
func listenInside(ns *namespace, address string) (l net.Listener, err error) {
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	err = inside(ns.ns, func() error {
		l, err = config.Listen(context.Background(), "tcp4", address)
		return err
	})
	return l, err
}

func start(l net.Listener, h http.Handler, inode uint64) *proxy {
	p := &proxy{inode: inode, done: make(chan struct{}), server: &http.Server{Handler: h,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}}
	go func() {
		defer close(p.done)
		if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Warn("metadata listener ended", "address", l.Addr(), "error", err)
		}
	}()
	return p
}

func (p *proxy) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *proxy) stop() {
	p.server.Close()
	<-p.done
}

// end closes the listener of a scope, if any.
func (p *proxies) end(scope ml2.Scope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.open[scope]; old != nil {
		old.stop()
		delete(p.open, scope)
	}
}

func (p *proxies) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for scope, old := range p.open {
		old.stop()
		delete(p.open, scope)
	}
}
