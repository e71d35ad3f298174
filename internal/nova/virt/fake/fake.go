// Package fake is a virt.Driver whose guests are map entries, for tests of everything above it and for scale: thousands
// of hosts with thousands of guests. It does nothing slowly and forgets all when the process ends.
package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"nacre/internal/nova/virt"
)

// Config is what a fake host has.
type Config struct {
	Hostname string
	VCPUs    int // default 64
	MemoryMB int // default 256 GiB
	DiskGB   int // default 4 TiB
	// Fail, if set, may refuse a call by its name and the guest it is for.
	Fail func(method, id string) error
	// Output is what every guest's console says.
	Output string
}

// Driver implements virt.Driver.
type Driver struct {
	cfg Config

	mu       sync.Mutex
	guests   map[string]*guest
	watchers map[int]func(id string)
	next     int
}

type guest struct {
	virt.Guest
	power   virt.PowerState
	started time.Time
}

var (
	_ virt.Driver         = (*Driver)(nil)
	_ virt.Resizer        = (*Driver)(nil)
	_ virt.Diagnoser      = (*Driver)(nil)
	_ virt.VolumeAttacher = (*Driver)(nil)
)

// New returns a host without guests.
func New(cfg Config) *Driver {
	if cfg.VCPUs == 0 {
		cfg.VCPUs = 64
	}
	if cfg.MemoryMB == 0 {
		cfg.MemoryMB = 256 << 10
	}
	if cfg.DiskGB == 0 {
		cfg.DiskGB = 4 << 10
	}
	return &Driver{cfg: cfg, guests: map[string]*guest{}, watchers: map[int]func(string){}}
}

// with runs fn on a guest and tells the watchers. virt.ErrNoGuest.
func (d *Driver) with(method, id string, fn func(*guest) error) error {
	if err := d.fail(method, id); err != nil {
		return err
	}
	d.mu.Lock()
	g := d.guests[id]
	if g == nil {
		d.mu.Unlock()
		return fmt.Errorf("guest %s: %w", id, virt.ErrNoGuest)
	}
	before := g.power
	err := fn(g)
	changed := g.power != before
	d.mu.Unlock()
	if changed {
		d.tell(id)
	}
	return err
}

func (d *Driver) fail(method, id string) error {
	if d.cfg.Fail == nil {
		return nil
	}
	return d.cfg.Fail(method, id)
}

func (d *Driver) tell(id string) {
	d.mu.Lock()
	fns := slices.Collect(maps.Values(d.watchers))
	d.mu.Unlock()
	for _, fn := range fns {
		fn(id)
	}
}

// Spawn adds a guest.
func (d *Driver) Spawn(_ context.Context, g virt.Guest) error {
	if err := d.fail("Spawn", g.ID); err != nil {
		return err
	}
	if g.ID == "" || g.Name == "" || g.VCPUs < 1 || g.MemoryMB < 1 || g.Image.ID == "" && !slices.ContainsFunc(g.Volumes, func(v virt.Volume) bool { return v.Boot }) {
		return fmt.Errorf("guest %q: ID, name, VCPUs, memory and a disk to boot from are needed", g.ID)
	}
	for _, n := range g.Interfaces {
		if n.PortID == "" || n.MAC == "" || n.Bridge == "" || n.Tap == "" {
			return fmt.Errorf("guest %s: port %q lacks a MAC address, a bridge or a tap", g.ID, n.PortID)
		}
	}
	d.mu.Lock()
	_, there := d.guests[g.ID]
	if !there {
		g.ConfigDrive = nil // as much as a thousand guests need not keep
		d.guests[g.ID] = &guest{Guest: g, power: started(g.Paused), started: time.Now()}
	}
	d.mu.Unlock()
	if !there {
		d.tell(g.ID)
	}
	return nil
}

func started(paused bool) virt.PowerState {
	if paused {
		return virt.Paused
	}
	return virt.Running
}

// Redefine replaces what is known of a guest.
func (d *Driver) Redefine(_ context.Context, g virt.Guest) error {
	return d.with("Redefine", g.ID, func(have *guest) error {
		have.Guest = g
		return nil
	})
}

// Crash ends a guest as if its process were killed.
func (d *Driver) Crash(id string) error {
	return d.with("Crash", id, func(g *guest) error {
		g.power = virt.Crashed
		return nil
	})
}

// Destroy forgets a guest.
func (d *Driver) Destroy(_ context.Context, id string) error {
	if err := d.fail("Destroy", id); err != nil {
		return err
	}
	d.mu.Lock()
	_, there := d.guests[id]
	delete(d.guests, id)
	d.mu.Unlock()
	if there {
		d.tell(id)
	}
	return nil
}

// Power sets a guest's state.
func (d *Driver) Power(_ context.Context, id string, to virt.PowerState, _ time.Duration) error {
	return d.with("Power", id, func(g *guest) error {
		from := g.power
		switch to {
		case virt.Running, virt.Shutdown:
		case virt.Paused, virt.Suspended:
			if from != to && from != virt.Running && !(from == virt.Paused && to == virt.Suspended) {
				return fmt.Errorf("%s → %s: %w", from, to, virt.ErrState)
			}
		default:
			return fmt.Errorf("→ %s: %w", to, virt.ErrState)
		}
		if to == virt.Running && from == virt.Shutdown {
			g.started = time.Now()
		}
		g.power = to
		return nil
	})
}

// Reboot leaves a guest running.
func (d *Driver) Reboot(_ context.Context, id string, _ time.Duration) error {
	return d.with("Reboot", id, func(g *guest) error {
		g.power, g.started = virt.Running, time.Now()
		return nil
	})
}

// Guests lists all guests.
func (d *Driver) Guests(context.Context) ([]virt.GuestState, error) {
	if err := d.fail("Guests", ""); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]virt.GuestState, 0, len(d.guests))
	for _, g := range d.guests {
		out = append(out, g.state())
	}
	return out, nil
}

// Guest shows one guest.
func (d *Driver) Guest(_ context.Context, id string) (s virt.GuestState, err error) {
	err = d.with("Guest", id, func(g *guest) error {
		s = g.state()
		return nil
	})
	return s, err
}

func (g *guest) state() virt.GuestState {
	s := virt.GuestState{ID: g.ID, Name: g.Name, Ours: true, Power: g.power, VCPUs: g.VCPUs, MemoryMB: g.MemoryMB,
		Interfaces: slices.Clone(g.Interfaces)}
	for _, v := range g.Volumes {
		s.VolumeIDs = append(s.VolumeIDs, v.ID)
	}
	return s
}

// Inventory tells what the configuration says and the guests use.
func (d *Driver) Inventory(context.Context) (virt.Inventory, error) {
	if err := d.fail("Inventory", ""); err != nil {
		return virt.Inventory{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	inv := virt.Inventory{Hostname: d.cfg.Hostname, HypervisorType: "fake", HypervisorVersion: 1000, HostIP: "127.0.0.1",
		VCPUs: d.cfg.VCPUs, MemoryMB: d.cfg.MemoryMB, DiskGB: d.cfg.DiskGB,
		CPU:       virt.CPU{Arch: "x86_64", Model: "Nehalem", Vendor: "Intel", Features: []string{"pge", "clflush"}, Topology: virt.Topology{Cells: 1, Sockets: 4, Cores: d.cfg.VCPUs / 4, Threads: 1}},
		Supported: [][3]string{{"x86_64", "fake", "hvm"}},
		Traits:    []string{"COMPUTE_NODE", "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_VOLUME_ATTACH", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_AMI", "COMPUTE_IMAGE_TYPE_AKI", "COMPUTE_IMAGE_TYPE_ARI"}}
	for _, g := range d.guests {
		inv.MemoryUsedMB += g.MemoryMB
		inv.DiskUsedGB += g.RootGB + g.EphemeralGB
		inv.VCPUsUsed += g.VCPUs
		if g.power == virt.Running {
			inv.RunningGuests++
		}
	}
	inv.DiskFreeGB = inv.DiskGB - inv.DiskUsedGB
	return inv, nil
}

// AttachInterface adds a NIC.
func (d *Driver) AttachInterface(_ context.Context, id string, n virt.Interface) error {
	return d.with("AttachInterface", id, func(g *guest) error {
		if !slices.ContainsFunc(g.Interfaces, func(have virt.Interface) bool { return have.PortID == n.PortID }) {
			g.Interfaces = append(slices.Clone(g.Interfaces), n)
		}
		return nil
	})
}

// DetachInterface removes a NIC.
func (d *Driver) DetachInterface(_ context.Context, id, portID string) error {
	return d.with("DetachInterface", id, func(g *guest) error {
		g.Interfaces = slices.DeleteFunc(slices.Clone(g.Interfaces), func(n virt.Interface) bool { return n.PortID == portID })
		return nil
	})
}

// AttachVolume adds a disk.
func (d *Driver) AttachVolume(_ context.Context, id string, v virt.Volume) error {
	return d.with("AttachVolume", id, func(g *guest) error {
		if !slices.ContainsFunc(g.Volumes, func(have virt.Volume) bool { return have.ID == v.ID }) {
			g.Volumes = append(slices.Clone(g.Volumes), v)
		}
		return nil
	})
}

// DetachVolume removes a disk.
func (d *Driver) DetachVolume(_ context.Context, id, volumeID string) error {
	return d.with("DetachVolume", id, func(g *guest) error {
		g.Volumes = slices.DeleteFunc(slices.Clone(g.Volumes), func(v virt.Volume) bool { return v.ID == volumeID })
		return nil
	})
}

// ConsoleOutput returns the last lines of Config.Output.
func (d *Driver) ConsoleOutput(_ context.Context, id string, lines int) (out string, err error) {
	err = d.with("ConsoleOutput", id, func(*guest) error {
		all := strings.SplitAfter(strings.TrimSuffix(d.cfg.Output, "\n"), "\n")
		if lines >= 0 {
			all = all[max(0, len(all)-lines):]
		}
		out = strings.Join(all, "")
		return nil
	})
	return out, err
}

// Console names a socket that nobody listens on.
func (d *Driver) Console(_ context.Context, id string, kind virt.ConsoleKind) (virt.ConsoleAddress, error) {
	err := d.with("Console", id, func(g *guest) error {
		if g.power != virt.Running && g.power != virt.Paused {
			return fmt.Errorf("console of %s: %w", id, virt.ErrState)
		}
		return nil
	})
	return virt.ConsoleAddress{Network: "unix", Address: "/nonexistent/" + id + "." + string(kind)}, err
}

// Watch tells of changes until ctx ends.
func (d *Driver) Watch(ctx context.Context, changed func(id string)) error {
	d.mu.Lock()
	key := d.next
	d.next++
	d.watchers[key] = changed
	d.mu.Unlock()
	changed("")
	<-ctx.Done()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.watchers, key)
	return nil
}

// Resize changes a guest that is off.
func (d *Driver) Resize(_ context.Context, g virt.Guest) error {
	return d.with("Resize", g.ID, func(have *guest) error {
		if have.power != virt.Shutdown {
			return fmt.Errorf("resize %s: %w", g.ID, virt.ErrState)
		}
		have.Guest = g
		return nil
	})
}

// Diagnostics are zero but for what the guest is.
func (d *Driver) Diagnostics(_ context.Context, id string) (out virt.Diagnostics, err error) {
	err = d.with("Diagnostics", id, func(g *guest) error {
		if g.power != virt.Running && g.power != virt.Paused {
			return fmt.Errorf("diagnostics of %s: %w", id, virt.ErrState)
		}
		out = virt.Diagnostics{Power: g.power, Driver: "fake", Hypervisor: "fake", Uptime: time.Since(g.started), MemoryMB: g.MemoryMB,
			CPUTimes: make([]time.Duration, g.VCPUs), Disks: make([]virt.DiskCounters, 1)}
		for _, n := range g.Interfaces {
			out.Interfaces = append(out.Interfaces, virt.InterfaceCounters{MAC: n.MAC})
		}
		return nil
	})
	return out, err
}
