package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"nacre/internal/nova/virt"
)

// Guests lists all domains, and disks whose domain is lost.
func (d *Driver) Guests(ctx context.Context) (out []virt.GuestState, err error) {
	err = d.calls.do(ctx, func(c *client) error {
		doms, _, err := c.ConnectListAllDomains(1, 0)
		if err != nil {
			return err
		}
		out = make([]virt.GuestState, 0, len(doms))
		for _, dom := range doms {
			g, err := d.guest(c, dom)
			if errors.Is(err, virt.ErrNoGuest) { // it went meanwhile
				continue
			} else if err != nil {
				return err
			}
			out = append(out, g)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list guests: %w", err)
	}
	forgotten, err := d.forgotten(out)
	return append(out, forgotten...), err
}

// forgotten lists the guests that have a disk here and no domain: libvirt's definitions were lost. Redefine brings them
// back. One that is being made or removed at this moment is left out.
func (d *Driver) forgotten(known []virt.GuestState) ([]virt.GuestState, error) {
	dirs, err := os.ReadDir(d.instances())
	if err != nil {
		return nil, fmt.Errorf("list guests: %w", err)
	}
	var out []virt.GuestState
	for _, dir := range dirs {
		id := dir.Name()
		if !slices.ContainsFunc(known, func(g virt.GuestState) bool { return g.ID == id }) && d.idle(id) && d.hasDisk(id) {
			out = append(out, offline(id))
		}
	}
	return out, nil
}

// offline is the state of a guest of which there is only the disk.
func offline(id string) virt.GuestState {
	return virt.GuestState{ID: id, Ours: true, Power: virt.Shutdown}
}

func (d *Driver) hasDisk(id string) bool {
	return uuid.Validate(id) == nil && (exists(d.dir(id), rootFile) || exists(d.dir(id), cdFile))
}

// idle says whether nobody works on a guest.
func (d *Driver) idle(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locks[id] == nil
}

// Guest reads one domain.
func (d *Driver) Guest(ctx context.Context, id string) (g virt.GuestState, err error) {
	err = d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err == nil {
			g, err = d.guest(c, dom)
		}
		return err
	})
	if errors.Is(err, virt.ErrNoGuest) && d.idle(id) && d.hasDisk(id) {
		return offline(id), nil
	}
	return g, err
}

func (d *Driver) guest(c *client, dom libvirt.Domain) (virt.GuestState, error) {
	def, err := c.definition(dom, 0)
	if err != nil {
		return virt.GuestState{}, err
	}
	p, err := c.power(dom)
	if err != nil {
		return virt.GuestState{}, err
	}
	id := uuid.UUID(dom.UUID).String()
	out := virt.GuestState{ID: id, Name: dom.Name, Power: p, VCPUs: def.VCPU, MemoryMB: def.Memory.megabytes(),
		Ours: def.Metadata != nil && def.Metadata.Instance != nil && exists(d.dir(id), "")}
	for _, n := range def.Devices.Interfaces {
		out.Interfaces = append(out.Interfaces, n.virt())
	}
	for _, disk := range def.Devices.Disks {
		if v, ok := disk.volumeID(); ok {
			out.VolumeIDs = append(out.VolumeIDs, v)
		}
	}
	return out, nil
}

// virt is a NIC in the driver's terms.
func (i iface) virt() virt.Interface {
	out := virt.Interface{MAC: i.MAC.Address, Bridge: i.Source.Bridge, Model: i.Model.Type, MTU: i.mtu()}
	if i.Target != nil {
		out.Tap = i.Target.Dev
	}
	if i.Alias != nil {
		out.PortID, _ = strings.CutPrefix(i.Alias.Name, nicAlias)
	}
	return out
}

// volumeID is the volume behind a disk, if it is one.
func (d disk) volumeID() (string, bool) {
	if d.Alias == nil {
		return "", false
	}
	return strings.CutPrefix(d.Alias.Name, volumeAlias)
}
