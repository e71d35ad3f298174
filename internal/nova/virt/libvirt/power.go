package libvirt

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/virt"
)

// How often a guest that should end is looked at, and how often its power button is pressed: one that is still booting
// does not hear the first time.
const (
	pollEvery  = 100 * time.Millisecond
	pressEvery = 10 * time.Second
)

// power translates libvirt's state and the reason for it.
func power(state, reason int32) virt.PowerState {
	switch libvirt.DomainState(state) {
	case libvirt.DomainRunning, libvirt.DomainBlocked, libvirt.DomainShutdown: // the last: still on its way down
		return virt.Running
	case libvirt.DomainPaused:
		if libvirt.DomainPausedReason(reason) == libvirt.DomainPausedShuttingDown {
			return virt.Running
		}
		return virt.Paused
	case libvirt.DomainPmsuspended:
		return virt.Suspended
	case libvirt.DomainCrashed:
		return virt.Crashed
	case libvirt.DomainShutoff:
		if libvirt.DomainShutoffReason(reason) == libvirt.DomainShutoffCrashed {
			return virt.Crashed
		}
		return virt.Shutdown
	default:
		return virt.NoState
	}
}

// state reads a guest's power state. virt.ErrNoGuest.
func (d *Driver) state(ctx context.Context, id string) (s virt.PowerState, err error) {
	err = d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		s, err = c.power(dom)
		return err
	})
	return s, err
}

// power reads a domain's state; one whose memory was saved is suspended.
func (c *client) power(dom libvirt.Domain) (virt.PowerState, error) {
	state, reason, err := c.DomainGetState(dom, 0)
	if err != nil {
		return virt.NoState, gone(err)
	}
	p := power(state, reason)
	if p != virt.Shutdown {
		return p, nil
	}
	saved, err := c.DomainHasManagedSaveImage(dom, 0)
	if err == nil && saved == 1 {
		p = virt.Suspended
	}
	return p, gone(err)
}

// Power brings a guest into a state.
func (d *Driver) Power(ctx context.Context, id string, to virt.PowerState, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+callTimeout)
	defer cancel()
	err := d.locked(ctx, id, func(ctx context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		from, err := c.power(dom)
		if err != nil || from == to {
			return err
		}
		switch to {
		case virt.Running:
			return c.run(dom, from)
		case virt.Paused:
			if from != virt.Running {
				return fmt.Errorf("%s → %s: %w", from, to, virt.ErrState)
			}
			return c.DomainSuspend(dom)
		case virt.Suspended:
			if from != virt.Running && from != virt.Paused {
				return fmt.Errorf("%s → %s: %w", from, to, virt.ErrState)
			}
			return c.DomainManagedSave(dom, uint32(libvirt.DomainSaveRunning))
		case virt.Shutdown:
			return c.stop(ctx, dom, from, grace)
		default:
			return fmt.Errorf("→ %s: %w", to, virt.ErrState)
		}
	})
	if err != nil {
		return fmt.Errorf("power of %s: %w", id, err)
	}
	return nil
}

// run starts, resumes or restores a domain.
func (c *client) run(dom libvirt.Domain, from virt.PowerState) error {
	switch from {
	case virt.Paused:
		return c.DomainResume(dom)
	case virt.Crashed:
		if err := c.cutOff(dom); err != nil {
			return err
		}
	}
	return c.start(dom, 0)
}

// stop lets a domain end by itself for as long as grace, then cuts it off.
func (c *client) stop(ctx context.Context, dom libvirt.Domain, from virt.PowerState, grace time.Duration) error {
	switch from {
	case virt.Suspended:
		return gone(c.DomainManagedSaveRemove(dom, 0))
	case virt.Running:
		ended, err := c.askToEnd(ctx, dom, grace)
		if ended || err != nil {
			return err
		}
	}
	return c.cutOff(dom)
}

// askToEnd presses the power button and waits.
func (c *client) askToEnd(ctx context.Context, dom libvirt.Domain, grace time.Duration) (ended bool, err error) {
	deadline := time.Now().Add(grace)
	var pressed time.Time
	for time.Now().Before(deadline) {
		if time.Since(pressed) >= pressEvery {
			if err := c.DomainShutdownFlags(dom, libvirt.DomainShutdownAcpiPowerBtn); err != nil && !is(err, libvirt.ErrOperationInvalid) {
				return false, gone(err)
			}
			pressed = time.Now()
		}
		p, err := c.power(dom)
		if err != nil || p == virt.Shutdown || p == virt.Crashed {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	return false, nil
}

// cutOff ends a domain at once. One that is off is success.
func (c *client) cutOff(dom libvirt.Domain) error {
	err := c.DomainDestroy(dom)
	if is(err, libvirt.ErrOperationInvalid) {
		return nil
	}
	return gone(err)
}

// Reboot restarts a guest.
func (d *Driver) Reboot(ctx context.Context, id string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+callTimeout)
	defer cancel()
	err := d.locked(ctx, id, func(ctx context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		from, err := c.power(dom)
		if err != nil {
			return err
		}
		if from != virt.Shutdown {
			if err := c.stop(ctx, dom, from, grace); err != nil {
				return err
			}
		}
		return c.start(dom, 0)
	})
	if err != nil {
		return fmt.Errorf("reboot %s: %w", id, err)
	}
	return nil
}
