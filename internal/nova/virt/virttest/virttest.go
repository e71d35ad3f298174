// Package virttest holds the suite that every virt.Driver passes, and what it needs: a guest of a few bytes.
package virttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/nova/virt"
	"nacre/internal/oslo/uuid"
)

// Greeting is what the guest of BootDisk writes to its serial console.
const Greeting = "guest started"

// Harness is how a driver presents itself to the suite.
type Harness struct {
	Driver virt.Driver
	Image  virt.Image                    // boots BootDisk's content
	Grace  time.Duration                 // for stops that the guest does not react to
	Wait   time.Duration                 // the longest a state may take to show
	Left   func(t *testing.T, id string) // fails the test if anything of a destroyed guest is left
}

// BootDisk is a disk of 1 MiB whose boot sector writes Greeting to the first serial port and halts.
func BootDisk() []byte {
	code := []byte{
		0x31, 0xc0, 0x8e, 0xd8, // xor ax, ax; mov ds, ax
		0xbe, 0x15, 0x7c, // mov si, 0x7c15
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, // lodsb; test al, al; jz halt; out dx, al; jmp lodsb
		0xf4, 0xeb, 0xfd, // halt: hlt; jmp halt
	}
	disk := make([]byte, 1<<20)
	copy(disk, code)
	copy(disk[0x15:], Greeting+"\r\n\x00")
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}

// Run runs the suite. The driver may have other guests.
func Run(t *testing.T, h Harness) {
	if h.Wait == 0 {
		h.Wait = 2 * time.Minute
	}
	for _, tc := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Life", life}, {"States", states}, {"Absent", absent}, {"Reboot", reboot}, {"Interfaces", interfaces},
		{"Consoles", consoles}, {"Redefine", redefine}, {"Refused", refused}, {"Together", together}, {"Watch", watch},
		{"Inventory", inventory}, {"Resize", resize}, {"Snapshot", snapshot}, {"Volumes", volumes}, {"Diagnostics", diagnostics},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, h) })
	}
}

// guest makes a guest that is destroyed when the test ends.
func (h Harness) guest(t *testing.T) virt.Guest {
	t.Helper()
	id := uuid.New()
	t.Cleanup(func() {
		if err := h.Driver.Destroy(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return virt.Guest{ID: id, Name: "instance-" + id[:8], VCPUs: 1, MemoryMB: 32, Image: h.Image, RootGB: 1,
		Interfaces:  []virt.Interface{NIC()},
		ConfigDrive: map[string][]byte{"openstack/latest/meta_data.json": []byte("{}")},
		Metadata:    virt.Metadata{ServerName: "a <server> & more", ProjectID: uuid.Hex(), CreatedAt: time.Now()}}
}

// NIC is an interface on a bridge of its own.
func NIC() virt.Interface {
	id := uuid.New()
	return virt.Interface{PortID: id, MAC: fmt.Sprintf("fa:16:3e:%s:%s:%s", id[0:2], id[2:4], id[4:6]),
		Bridge: "brq" + id[:11], Tap: "tap" + id[:11], MTU: 1450}
}

// spawn makes a guest that runs.
func (h Harness) spawn(t *testing.T) virt.Guest {
	t.Helper()
	g := h.guest(t)
	ok(t, h.Driver.Spawn(t.Context(), g))
	return g
}

// want waits until a guest is in a state.
func (h Harness) want(t *testing.T, id string, state virt.PowerState) virt.GuestState {
	t.Helper()
	deadline := time.Now().Add(h.Wait)
	for {
		g, err := h.Driver.Guest(t.Context(), id)
		ok(t, err)
		if g.Power == state {
			return g
		}
		if time.Now().After(deadline) {
			t.Fatalf("guest is %s, want %s", g.Power, state)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// life is the way of every guest, each step taken twice.
func life(t *testing.T, h Harness) {
	g := h.guest(t)
	g.Paused = true
	for range 2 {
		ok(t, h.Driver.Spawn(t.Context(), g))
		h.want(t, g.ID, virt.Paused)
	}
	for range 2 {
		ok(t, h.Driver.Power(t.Context(), g.ID, virt.Running, 0))
		h.want(t, g.ID, virt.Running)
	}
	all, err := h.Driver.Guests(t.Context())
	ok(t, err)
	at := slices.IndexFunc(all, func(s virt.GuestState) bool { return s.ID == g.ID })
	if at < 0 {
		t.Fatalf("not among %v", all)
	}
	s := all[at]
	if !s.Ours || s.Name != g.Name || s.VCPUs != 1 || s.MemoryMB != 32 || len(s.Interfaces) != 1 {
		t.Errorf("state %+v", s)
	} else if got, want := s.Interfaces[0], g.Interfaces[0]; got.PortID != want.PortID || got.MAC != want.MAC || got.Tap != want.Tap || got.Bridge != want.Bridge {
		t.Errorf("interface %+v, want %+v", got, want)
	}
	for range 2 {
		ok(t, h.Driver.Destroy(t.Context(), g.ID))
	}
	_, err = h.Driver.Guest(t.Context(), g.ID)
	is(t, err, virt.ErrNoGuest)
	if h.Left != nil {
		h.Left(t, g.ID)
	}
}

// states walks through the power states.
func states(t *testing.T, h Harness) {
	g := h.spawn(t)
	for _, to := range []virt.PowerState{virt.Paused, virt.Running, virt.Suspended, virt.Running, virt.Paused, virt.Suspended,
		virt.Running, virt.Shutdown, virt.Running, virt.Suspended, virt.Shutdown, virt.Running, virt.Paused, virt.Shutdown} {
		for range 2 {
			if err := h.Driver.Power(t.Context(), g.ID, to, 0); err != nil {
				t.Fatalf("→ %s: %v", to, err)
			}
			if s, err := h.Driver.Guest(t.Context(), g.ID); err != nil || s.Power != to {
				t.Fatalf("→ %s: is %s %v", to, s.Power, err)
			}
		}
	}
	is(t, h.Driver.Power(t.Context(), g.ID, virt.Paused, 0), virt.ErrState)
	is(t, h.Driver.Power(t.Context(), g.ID, virt.Suspended, 0), virt.ErrState)
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Running, 0))
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, h.Grace))
	h.want(t, g.ID, virt.Shutdown)
}

// absent asks for a guest that never was.
func absent(t *testing.T, h Harness) {
	ctx, id, d := t.Context(), uuid.New(), h.Driver
	_, guestErr := d.Guest(ctx, id)
	_, outputErr := d.ConsoleOutput(ctx, id, 10)
	_, consoleErr := d.Console(ctx, id, virt.VNC)
	for name, err := range map[string]error{
		"Guest": guestErr, "ConsoleOutput": outputErr, "Console": consoleErr,
		"Power":           d.Power(ctx, id, virt.Running, 0),
		"Reboot":          d.Reboot(ctx, id, 0),
		"AttachInterface": d.AttachInterface(ctx, id, NIC()),
		"DetachInterface": d.DetachInterface(ctx, id, uuid.New()),
		"Redefine":        d.Redefine(ctx, virt.Guest{ID: id, Name: "instance-x", VCPUs: 1, MemoryMB: 32, Image: h.Image}),
	} {
		if !errors.Is(err, virt.ErrNoGuest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	ok(t, d.Destroy(ctx, id))
}

func reboot(t *testing.T, h Harness) {
	g := h.spawn(t)
	ok(t, h.Driver.Reboot(t.Context(), g.ID, 0))
	h.want(t, g.ID, virt.Running)
	ok(t, h.Driver.Reboot(t.Context(), g.ID, h.Grace))
	h.want(t, g.ID, virt.Running)
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	ok(t, h.Driver.Reboot(t.Context(), g.ID, 0))
	h.want(t, g.ID, virt.Running)
}

// interfaces are plugged into a running guest, and out of one that is off: a guest without an operating system lets go of nothing.
func interfaces(t *testing.T, h Harness) {
	g := h.spawn(t)
	n := NIC()
	for range 2 {
		ok(t, h.Driver.AttachInterface(t.Context(), g.ID, n))
		if s := h.want(t, g.ID, virt.Running); len(s.Interfaces) != 2 || s.Interfaces[1].PortID != n.PortID {
			t.Fatalf("interfaces %+v", s.Interfaces)
		}
	}
	ok(t, h.Driver.Reboot(t.Context(), g.ID, 0))
	if s := h.want(t, g.ID, virt.Running); len(s.Interfaces) != 2 {
		t.Fatalf("interfaces after a reboot %+v", s.Interfaces)
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	for range 2 {
		ok(t, h.Driver.DetachInterface(t.Context(), g.ID, g.Interfaces[0].PortID))
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Running, 0))
	if s := h.want(t, g.ID, virt.Running); len(s.Interfaces) != 1 || s.Interfaces[0].PortID != n.PortID {
		t.Errorf("interfaces %+v", s.Interfaces)
	}
}

func consoles(t *testing.T, h Harness) {
	g := h.spawn(t)
	deadline := time.Now().Add(h.Wait)
	for {
		out, err := h.Driver.ConsoleOutput(t.Context(), g.ID, -1)
		ok(t, err)
		if strings.Contains(out, Greeting) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("console says %q", out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if out, err := h.Driver.ConsoleOutput(t.Context(), g.ID, 1); err != nil || strings.Count(out, "\n") > 1 || !strings.Contains(out, Greeting) {
		t.Errorf("last line %q %v", out, err)
	}
	for _, kind := range []virt.ConsoleKind{virt.VNC, virt.Serial} {
		if at, err := h.Driver.Console(t.Context(), g.ID, kind); err != nil || at.Network == "" || at.Address == "" {
			t.Errorf("%s: %+v %v", kind, at, err)
		}
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	_, err := h.Driver.Console(t.Context(), g.ID, virt.VNC)
	is(t, err, virt.ErrState)
}

// redefine changes what a guest is at its next start.
func redefine(t *testing.T, h Harness) {
	g := h.spawn(t)
	g.MemoryMB = 48
	ok(t, h.Driver.Redefine(t.Context(), g))
	ok(t, h.Driver.Reboot(t.Context(), g.ID, 0))
	if s := h.want(t, g.ID, virt.Running); s.MemoryMB != 48 {
		t.Errorf("memory %d MB", s.MemoryMB)
	}
}

// refused guests leave nothing.
func refused(t *testing.T, h Harness) {
	for name, change := range map[string]func(*virt.Guest){
		"no disk":     func(g *virt.Guest) { g.Image = virt.Image{} },
		"no CPU":      func(g *virt.Guest) { g.VCPUs = 0 },
		"no tap name": func(g *virt.Guest) { g.Interfaces[0].Tap = "" },
	} {
		g := h.guest(t)
		change(&g)
		if err := h.Driver.Spawn(t.Context(), g); err == nil {
			t.Errorf("%s: accepted", name)
		}
		_, err := h.Driver.Guest(t.Context(), g.ID)
		is(t, err, virt.ErrNoGuest)
		if h.Left != nil {
			h.Left(t, g.ID)
		}
	}
}

// together spawns several guests, and one of them twice, at the same time.
func together(t *testing.T, h Harness) {
	guests := []virt.Guest{h.guest(t), h.guest(t), h.guest(t)}
	guests = append(guests, guests[0])
	errs := make(chan error)
	for _, g := range guests {
		go func() { errs <- h.Driver.Spawn(t.Context(), g) }()
	}
	for range guests {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, g := range guests {
		h.want(t, g.ID, virt.Running)
	}
}

// watch hears of a guest's changes.
func watch(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan string, 100)
	done := make(chan error)
	go func() { done <- h.Driver.Watch(ctx, func(id string) { heard <- id }) }()
	if id := <-heard; id != "" {
		t.Errorf("first heard of %q, not that all may have changed", id)
	}
	g := h.spawn(t)
	for _, step := range []func() error{
		func() error { return nil },
		func() error { return h.Driver.Power(t.Context(), g.ID, virt.Paused, 0) },
		func() error { return h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0) },
		func() error { return h.Driver.Destroy(t.Context(), g.ID) },
	} {
		ok(t, step())
		for timeout := time.After(h.Wait); ; {
			select {
			case id := <-heard:
				if id == g.ID {
					break
				}
				continue
			case <-timeout:
				t.Fatal("heard nothing")
			}
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func inventory(t *testing.T, h Harness) {
	inv, err := h.Driver.Inventory(t.Context())
	ok(t, err)
	if inv.Hostname == "" || inv.HypervisorType == "" || inv.HypervisorVersion == 0 || inv.VCPUs < 1 || inv.MemoryMB < 1 || inv.DiskGB < 1 ||
		len(inv.Supported) == 0 || inv.CPU.Arch == "" || !slices.Contains(inv.Traits, "COMPUTE_NODE") {
		t.Errorf("inventory %+v", inv)
	}
}
