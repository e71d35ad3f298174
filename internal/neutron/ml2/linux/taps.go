package linux

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// taps follows the interfaces of guests: which are there, on which bridge, and
// so which ports are ACTIVE.
type taps struct {
	mu      sync.Mutex
	wanted  map[string]*tap // by interface name
	present map[string]link // every interface named like a tap
	heard   map[string]bool // those that the kernel told of since a round asked for the links, nil when none asked
	changed func(rpcapi.PortStatus)
}

// tap is the interface of a wanted port.
type tap struct {
	port   string
	bridge int  // index of the bridge it belongs on, 0 while there is none
	ready  bool // network wired, filters in place, port not held down
	status string
	fault  string
}

// link is what matters of a present interface.
type link struct {
	index, master int
	up            bool
	since         time.Time // when it was first seen without a master
}

func newTaps() *taps {
	return &taps{wanted: map[string]*tap{}, present: map[string]link{}}
}

// Watch implements ml2.Driver.
func (d *Driver) Watch(ctx context.Context, changed func(rpcapi.PortStatus)) error {
	d.taps.listen(changed)
	defer d.taps.listen(nil)
	for ctx.Err() == nil {
		if err := d.follow(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// follow reads link changes until ctx ends or the kernel dropped some, after
// which one must begin afresh.
func (d *Driver) follow(ctx context.Context) error {
	updates, done := make(chan netlink.LinkUpdate, 256), make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(done) }) }
	defer stop()
	ns := netns.NsHandle(d.host)
	err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		Namespace: &ns, ListExisting: true, ReceiveBufferSize: 1 << 20, ErrorCallback: func(error) { stop() }})
	if err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return nil
		case u, open := <-updates:
			if !open {
				return nil
			}
			d.taps.see(u.Link, u.Header.Type == unix.RTM_DELLINK)
		}
	}
}

func (t *taps) listen(changed func(rpcapi.PortStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = changed
}

// see takes note of one interface.
func (t *taps) see(l netlink.Link, gone bool) {
	name := l.Attrs().Name
	if !strings.HasPrefix(name, "tap") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if gone {
		delete(t.present, name)
	} else {
		t.present[name] = asLink(l, t.present[name])
	}
	if t.heard != nil {
		t.heard[name] = true
	}
	t.judge(name)
}

func asLink(l netlink.Link, was link) link {
	a := l.Attrs()
	now := link{index: a.Index, master: a.MasterIndex, up: a.Flags&net.FlagUp != 0, since: was.since}
	if now.master != 0 {
		now.since = time.Time{}
	} else if was.index != now.index || was.since.IsZero() {
		now.since = time.Now()
	}
	return now
}

// judge works out the status of taps' ports and tells those that are news, under
// the lock: the status told last is the last one.
func (t *taps) judge(names ...string) {
	for _, name := range names {
		w, l := t.wanted[name], t.present[name]
		if w == nil {
			continue
		}
		status := rpcapi.StatusDown
		switch {
		case w.fault != "":
			status = rpcapi.StatusError
		case w.ready && w.bridge != 0 && l.master == w.bridge && l.up:
			status = rpcapi.StatusActive
		}
		if status != w.status {
			w.status = status
			if t.changed != nil {
				t.changed(rpcapi.PortStatus{ID: w.port, Status: status, Error: w.fault})
			}
		}
	}
}

// statuses of all wanted ports.
func (t *taps) statuses() []rpcapi.PortStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []rpcapi.PortStatus
	for _, w := range t.wanted {
		all = append(all, rpcapi.PortStatus{ID: w.port, Status: w.status, Error: w.fault})
	}
	slices.SortFunc(all, func(a, b rpcapi.PortStatus) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// applyPorts puts taps that lie about onto their bridges and says which ports
// are up.
func (r *round) applyPorts() {
	r.taps.begin()
	if err := r.readLinks(); err != nil {
		r.failed("host", "links", err)
		return
	}
	wanted := map[string]*tap{}
	for _, p := range r.want.Ports {
		w := &tap{port: p.ID, status: p.Status}
		if err := r.wirePort(p, w); err != nil {
			w.fault = err.Error()
			r.failed("port", p.ID, err)
		}
		wanted[p.Tap] = w
	}
	r.taps.want(wanted, r.links)
}

func (r *round) wirePort(p rpcapi.Port, w *tap) error {
	n, ok := r.network(p.NetworkID)
	if !ok {
		return fmt.Errorf("network %s of the port is unknown", p.NetworkID)
	}
	bridge := r.links[n.Bridge]
	if bridge == nil {
		return fmt.Errorf("bridge %s is absent", n.Bridge)
	}
	w.bridge = bridge.Attrs().Index
	w.ready = r.filtered && r.wired[n.ID] && p.AdminStateUp && n.AdminStateUp
	if r.links[p.Tap] == nil {
		return nil
	}
	return r.adopt(p.Tap, w.bridge, n.MTU)
}

// stray is how long a tap may be without a bridge before the agent puts it on
// one: whoever made it is about to do so and fails if somebody is quicker.
const stray = 3 * time.Second

// adopt sets a present tap right.
func (r *round) adopt(name string, bridge, mtu int) error {
	l := r.links[name]
	a := l.Attrs()
	var err error
	if a.MasterIndex == 0 && r.taps.stray(name) {
		err = r.nl.LinkSetMasterByIndex(l, bridge)
		if err == nil && a.Flags&net.FlagUp == 0 {
			err = r.nl.LinkSetUp(l)
		}
	}
	if err == nil && mtu > 0 && a.MTU != mtu && a.MasterIndex == bridge {
		err = r.nl.LinkSetMTU(l, mtu)
	}
	if errors.Is(err, unix.ENODEV) {
		return nil
	} else if err != nil {
		return fmt.Errorf("put %s on its bridge: %w", name, err)
	}
	_, err = r.refresh(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	return err
}

func (t *taps) stray(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.present[name]
	return ok && l.master == 0 && !l.since.IsZero() && time.Since(l.since) > stray
}

// begin says that the links are about to be read for want.
func (t *taps) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = map[string]bool{}
}

// want replaces the wanted taps and takes stock of the present ones. Of a tap
// that the kernel told of after the links were asked for, links may know less.
func (t *taps) want(wanted map[string]*tap, links map[string]netlink.Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.present, func(name string, _ link) bool { return links[name] == nil && !t.heard[name] })
	for name, l := range links {
		if strings.HasPrefix(name, "tap") && !t.heard[name] {
			t.present[name] = asLink(l, t.present[name])
		}
	}
	t.heard = nil
	var names []string
	for name, w := range wanted {
		if was := t.wanted[name]; was != nil {
			w.status = was.status
		}
		names = append(names, name)
	}
	t.wanted = wanted
	t.judge(names...)
}

var _ ml2.Driver = (*Driver)(nil)
