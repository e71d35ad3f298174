package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/virt"
)

// Spawn makes a guest's files, defines it and starts it.
func (d *Driver) Spawn(ctx context.Context, g virt.Guest) error {
	if err := check(g); err != nil {
		return err
	}
	unlock, err := d.lock(ctx, g.ID)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := d.state(ctx, g.ID); !errors.Is(err, virt.ErrNoGuest) {
		return err
	}
	t := &timings{last: time.Now()}
	err = d.build(ctx, g, t)
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("spawn %s: %w", g.ID, err), d.remove(undo, g.ID))
	}
	d.cfg.Log.InfoContext(ctx, "guest spawned", append([]any{"server", g.ID, "paused", g.Paused}, t.parts...)...)
	return nil
}

// timings collects how long each part of a spawn took.
type timings struct {
	last  time.Time
	parts []any
}

func (t *timings) done(part string) {
	now := time.Now()
	t.parts = append(t.parts, part+"_seconds", now.Sub(t.last).Seconds())
	t.last = now
}

// build makes everything of a guest that is not there.
func (d *Driver) build(ctx context.Context, g virt.Guest, t *timings) error {
	if err := d.makeFiles(ctx, g, t); err != nil {
		return err
	}
	if err := d.define(ctx, g); err != nil {
		return err
	}
	t.done("define")
	flags := libvirt.DomainCreateFlags(0)
	if g.Paused {
		flags = libvirt.DomainStartPaused
	}
	err := d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(g.ID)
		if err != nil {
			return err
		}
		return c.start(dom, flags)
	})
	t.done("start")
	return err
}

// define writes a guest's definition into libvirt.
func (d *Driver) define(ctx context.Context, g virt.Guest) error {
	dir := d.dir(g.ID)
	def := definition{guest: g, dir: dir, domainType: d.kind(), vncListen: d.cfg.VNCListen,
		has: func(file string) bool { return exists(dir, file) }}
	text, err := marshal(def.domain())
	if err != nil {
		return err
	}
	return d.calls.do(ctx, func(c *client) error {
		_, err := c.DomainDefineXML(text)
		return err
	})
}

// start boots a domain, after its bridges are there. One that runs is success.
func (c *client) start(dom libvirt.Domain, flags libvirt.DomainCreateFlags) error {
	def, err := c.definition(dom, libvirt.DomainXMLInactive)
	if err != nil {
		return err
	}
	for _, n := range def.Devices.Interfaces {
		if err := ensureBridge(n.Source.Bridge, n.mtu()); err != nil {
			return err
		}
	}
	_, err = c.DomainCreateWithFlags(dom, uint32(flags))
	if is(err, libvirt.ErrOperationInvalid) { // it runs, perhaps: somebody else's call finished
		if state, _, stateErr := c.DomainGetState(dom, 0); stateErr == nil && power(state, 0) != virt.Shutdown {
			return nil
		}
	}
	return gone(err)
}

func (i iface) mtu() int {
	if i.MTU == nil {
		return 0
	}
	return i.MTU.Size
}

// Redefine writes the definition of a guest whose disk is here.
func (d *Driver) Redefine(ctx context.Context, g virt.Guest) error {
	if err := check(g); err != nil {
		return err
	}
	unlock, err := d.lock(ctx, g.ID)
	if err != nil {
		return err
	}
	defer unlock()
	if g.Image.ID != "" && !d.hasDisk(g.ID) {
		return fmt.Errorf("guest %s has no disk here: %w", g.ID, virt.ErrNoGuest)
	}
	if g.Image.ID == "" {
		if _, err := d.state(ctx, g.ID); err != nil {
			return err
		}
	}
	return d.define(ctx, g)
}

// Destroy removes a guest with all its files.
func (d *Driver) Destroy(ctx context.Context, id string) error {
	unlock, err := d.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	return d.remove(ctx, id)
}

// remove ends a domain, forgets it and deletes its files.
func (d *Driver) remove(ctx context.Context, id string) error {
	err := d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		if err := c.DomainDestroy(dom); err != nil && !is(err, libvirt.ErrOperationInvalid, libvirt.ErrNoDomain) {
			return err
		}
		if err := os.Remove(d.emulatorLog(dom.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return gone(c.DomainUndefineFlags(dom, libvirt.DomainUndefineManagedSave|libvirt.DomainUndefineSnapshotsMetadata|
			libvirt.DomainUndefineNvram|libvirt.DomainUndefineCheckpointsMetadata))
	})
	if err != nil && !errors.Is(err, virt.ErrNoGuest) {
		return fmt.Errorf("destroy %s: %w", id, err)
	}
	if err := os.RemoveAll(d.dir(id)); err != nil {
		return fmt.Errorf("destroy %s: %w", id, err)
	}
	return nil
}
