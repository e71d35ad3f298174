package libvirt

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/virt"
)

// unplugEvery is how often a guest is asked again to let go of a device: one that boots does not listen.
const unplugEvery = 5 * time.Second

// impact is which definitions of a domain a change of devices is for: the persistent one, and the live one if it runs.
func (c *client) impact(dom libvirt.Domain) (libvirt.DomainDeviceModifyFlags, error) {
	state, _, err := c.DomainGetState(dom, 0)
	if err != nil {
		return 0, gone(err)
	}
	if s := libvirt.DomainState(state); s == libvirt.DomainShutoff || s == libvirt.DomainCrashed {
		return libvirt.DomainDeviceModifyConfig, nil
	}
	return libvirt.DomainDeviceModifyConfig | libvirt.DomainDeviceModifyLive, nil
}

// attach plugs a device in.
func (c *client) attach(dom libvirt.Domain, device any) error {
	flags, err := c.impact(dom)
	if err != nil {
		return err
	}
	text, err := marshal(device)
	if err != nil {
		return err
	}
	return gone(c.DomainAttachDeviceFlags(dom, text, uint32(flags)))
}

// detach unplugs the device that find finds in a definition, and waits until the guest let go of it.
func (c *client) detach(ctx context.Context, dom libvirt.Domain, find func(*domain) any) error {
	stored, err := c.definition(dom, libvirt.DomainXMLInactive)
	if err != nil {
		return err
	}
	if device := find(stored); device != nil {
		if err := c.unplug(dom, device, libvirt.DomainDeviceModifyConfig); err != nil {
			return err
		}
	}
	var asked time.Time
	for {
		live, err := c.definition(dom, 0)
		if err != nil {
			return err
		}
		device := find(live)
		if device == nil || live.ID == 0 {
			return nil
		}
		if time.Since(asked) >= unplugEvery {
			if err := c.unplug(dom, device, libvirt.DomainDeviceModifyLive); err != nil {
				return err
			}
			asked = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the guest does not let go of the device: %w", ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// unplug asks once. A device that is gone, or asked for already, is success.
func (c *client) unplug(dom libvirt.Domain, device any, flags libvirt.DomainDeviceModifyFlags) error {
	text, err := marshal(device)
	if err != nil {
		return err
	}
	err = c.DomainDetachDeviceFlags(dom, text, uint32(flags))
	if is(err, libvirt.ErrDeviceMissing, libvirt.ErrOperationInvalid, libvirt.ErrOperationFailed) {
		return nil
	}
	return gone(err)
}

// AttachInterface plugs a NIC in.
func (d *Driver) AttachInterface(ctx context.Context, id string, n virt.Interface) error {
	err := d.locked(ctx, id, func(_ context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		def, err := c.definition(dom, 0)
		if err != nil || findNIC(n.PortID)(def) != nil {
			return err
		}
		if err := ensureBridge(n.Bridge, n.MTU); err != nil {
			return err
		}
		return c.attach(dom, nic(n))
	})
	if err != nil {
		return fmt.Errorf("attach port %s to %s: %w", n.PortID, id, err)
	}
	return nil
}

// DetachInterface unplugs a NIC.
func (d *Driver) DetachInterface(ctx context.Context, id, portID string) error {
	err := d.locked(ctx, id, func(ctx context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		return c.detach(ctx, dom, findNIC(portID))
	})
	if err != nil {
		return fmt.Errorf("detach port %s from %s: %w", portID, id, err)
	}
	return nil
}

func findNIC(portID string) func(*domain) any {
	return func(def *domain) any {
		for _, n := range def.Devices.Interfaces {
			if n.virt().PortID == portID {
				return n
			}
		}
		return nil
	}
}

// AttachVolume plugs a disk in.
func (d *Driver) AttachVolume(ctx context.Context, id string, v virt.Volume) error {
	err := d.locked(ctx, id, func(_ context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		def, err := c.definition(dom, 0)
		if err != nil || findVolume(v.ID)(def) != nil {
			return err
		}
		names := deviceNames{}
		for _, disk := range def.Devices.Disks {
			names[disk.Target.Dev] = true
		}
		return c.attach(dom, volumeDisk(v, names.take(orElse(v.Bus, "virtio"), v.Device)))
	})
	if err != nil {
		return fmt.Errorf("attach volume %s to %s: %w", v.ID, id, err)
	}
	return nil
}

// DetachVolume unplugs a disk.
func (d *Driver) DetachVolume(ctx context.Context, id, volumeID string) error {
	err := d.locked(ctx, id, func(ctx context.Context, c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		return c.detach(ctx, dom, findVolume(volumeID))
	})
	if err != nil {
		return fmt.Errorf("detach volume %s from %s: %w", volumeID, id, err)
	}
	return nil
}

func findVolume(volumeID string) func(*domain) any {
	return func(def *domain) any {
		for _, disk := range def.Devices.Disks {
			if v, ok := disk.volumeID(); ok && v == volumeID {
				return disk
			}
		}
		return nil
	}
}
