// Package libvirt runs guests with QEMU under libvirt. A guest's files lie in a directory of its own, its root disk is an
// overlay of an image in the host's cache, and its definition is persistent in libvirt: what is there after a crash
// of anybody is found and used again.
package libvirt

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nacre/internal/nova/imagecache"
	"nacre/internal/nova/virt"
)

// Daemon is the libvirt daemon of this host.
type Daemon interface {
	Dial() (net.Conn, error)   // a new connection
	Path(inside string) string // a path as the daemon sees it → as we see it
}

// Config are the options of the driver.
type Config struct {
	StateDir  string      // absolute; instances/ and images/ are made in it
	Daemon    Daemon      // libvirtd.Start
	Images    virt.Images // where images come from
	VirtType  string      // "kvm", "qemu", or "auto" (default): kvm if a probe guest boots with it
	VNCListen string      // an address of this host when console proxies run on others; empty: a unix socket
	Hostname  string      // reported as the hypervisor's name; empty: what libvirt says, the machine's name
	HostIP    string      // reported to the API
	Cache     imagecache.Config
	Log       *slog.Logger

	SweepEvery time.Duration // how often unused images are looked for; less than 0 never, default 40 min
}

// Driver implements virt.Driver and all its extensions.
type Driver struct {
	cfg   Config
	calls *pool
	cache *imagecache.Cache
	kind  func() string // "kvm" or "qemu"

	mu    sync.Mutex
	locks map[string]*guestLock
	swept time.Time // when the image cache was last looked through
}

type guestLock struct {
	ch    chan struct{}
	users int
}

var (
	_ virt.Driver         = (*Driver)(nil)
	_ virt.Snapshotter    = (*Driver)(nil)
	_ virt.Resizer        = (*Driver)(nil)
	_ virt.Diagnoser      = (*Driver)(nil)
	_ virt.VolumeAttacher = (*Driver)(nil)
	_ virt.Housekeeper    = (*Driver)(nil)
)

// New makes the driver's directories and connects to libvirt. It makes no guest.
func New(ctx context.Context, cfg Config) (*Driver, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if !filepath.IsAbs(cfg.StateDir) {
		return nil, fmt.Errorf("libvirt driver: state directory %q is not absolute", cfg.StateDir)
	}
	d := &Driver{cfg: cfg, calls: &pool{dial: cfg.Daemon.Dial}, locks: map[string]*guestLock{}}
	if err := os.MkdirAll(d.instances(), 0o711); err != nil {
		return nil, fmt.Errorf("libvirt driver: %w", err)
	}
	if d.cfg.SweepEvery == 0 {
		d.cfg.SweepEvery = 40 * time.Minute
	}
	cfg.Cache.Images = cfg.Images
	if cfg.Cache.Dir == "" {
		cfg.Cache.Dir = filepath.Join(cfg.StateDir, "images")
	}
	var err error
	if d.cache, err = imagecache.New(cfg.Cache); err != nil {
		return nil, err
	}
	switch cfg.VirtType {
	case "kvm", "qemu":
		d.kind = func() string { return cfg.VirtType }
	case "", "auto":
		found := make(chan string, 1)
		go func() { found <- probe(context.WithoutCancel(ctx), cfg.StateDir, cfg.Log) }()
		d.kind = sync.OnceValue(func() string { return <-found })
	default:
		return nil, fmt.Errorf("libvirt driver: virt_type %q is none of auto, kvm, qemu", cfg.VirtType)
	}
	_, err = d.calls.get(ctx)
	return d, err
}

// Close ends the connections to libvirt. Guests go on.
func (d *Driver) Close() { d.calls.close() }

// Cache is the host's image cache, for those who account and clean up.
func (d *Driver) Cache() *imagecache.Cache { return d.cache }

func (d *Driver) instances() string { return filepath.Join(d.cfg.StateDir, "instances") }

// dir is where a guest's files are.
func (d *Driver) dir(id string) string { return filepath.Join(d.instances(), filepath.Base(id)) }

// lock waits for its turn with a guest.
func (d *Driver) lock(ctx context.Context, id string) (unlock func(), err error) {
	d.mu.Lock()
	l := d.locks[id]
	if l == nil {
		l = &guestLock{ch: make(chan struct{}, 1)}
		d.locks[id] = l
	}
	l.users++
	d.mu.Unlock()
	leave := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(d.locks, id)
		}
	}
	select {
	case l.ch <- struct{}{}:
		return func() { <-l.ch; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("guest %s is busy: %w", id, ctx.Err())
	}
}

// locked runs fn with the guest's lock and the connection.
func (d *Driver) locked(ctx context.Context, id string, fn func(context.Context, *client) error) error {
	unlock, err := d.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	c, err := d.calls.get(ctx)
	if err != nil {
		return err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	return within(ctx, c.conn, func() error { return fn(ctx, c) })
}
