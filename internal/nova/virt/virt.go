// Package virt is what nova-compute asks of a hypervisor: run guests on one host, say which are there and how they
// are, and say what the host has to offer. A driver knows neither tenants nor database; it is told everything a guest
// needs in one Guest value. Whatever a driver promises here is checked by package virttest on every driver.
//
// Sizes carry their unit in the field's name: MB and GB are 2^20 and 2^30 bytes, as everywhere in the Compute API.
package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrNoGuest is returned (wrapped) for a guest the host does not have.
var ErrNoGuest = errors.New("no such guest on this host")

// ErrState is returned (wrapped) when a guest cannot get into the wanted state from the one it is in.
var ErrState = errors.New("the guest's state does not allow this")

// ErrImage is returned (wrapped) for an image whose bytes are not what they should be or that cannot be booted. Trying again
// does not help.
var ErrImage = errors.New("the image is unacceptable")

// DiskTooSmallError says that an image is a larger disk than the flavor has.
type DiskTooSmallError struct{ DiskBytes, ImageBytes int64 }

// Error tells both sizes.
func (e *DiskTooSmallError) Error() string {
	return fmt.Sprintf("the flavor's disk has %d bytes, the image is a disk of %d", e.DiskBytes, e.ImageBytes)
}

// Driver runs guests on one host. Any method may be called again after a crash, with the same arguments, and then
// finishes what the first call began. Methods on different guests may run at the same time; calls for one guest are
// serialised by the driver.
type Driver interface {
	// Spawn makes a guest and starts it, paused if g.Paused is set. A guest with this ID that is there already is
	// success, whatever state it is in. When it fails nothing of the guest is left.
	Spawn(ctx context.Context, g Guest) error
	// Redefine writes a guest's definition anew from g, which it has from its next start; its disks stay as they are.
	// It also brings back a guest whose definition was lost. ErrNoGuest when its root disk is not here.
	Redefine(ctx context.Context, g Guest) error
	// Destroy removes a guest and everything that was made for it. An absent guest is success.
	Destroy(ctx context.Context, id string) error
	// Power returns once the guest is in state to: Running, Paused, Suspended or Shutdown. On the way to Shutdown the
	// guest may take grace to end by itself before it is cut off; zero cuts it off at once. ErrNoGuest, ErrState.
	Power(ctx context.Context, id string, to PowerState, grace time.Duration) error
	// Reboot asks the guest to restart by itself within grace and power-cycles it when it does not; zero
	// power-cycles at once. The guest is Running afterwards. ErrNoGuest.
	Reboot(ctx context.Context, id string, grace time.Duration) error
	// Guests lists every guest the host knows, ours or not, in no order.
	Guests(ctx context.Context) ([]GuestState, error)
	// Guest tells the state of one guest. ErrNoGuest.
	Guest(ctx context.Context, id string) (GuestState, error)
	// Inventory tells what the host has and what of it is in use.
	Inventory(ctx context.Context) (Inventory, error)
	// AttachInterface plugs a NIC into a guest, running or not. A NIC with that PortID being there is success. ErrNoGuest.
	AttachInterface(ctx context.Context, id string, nic Interface) error
	// DetachInterface returns once the NIC of that port is gone. Its absence is success. ErrNoGuest.
	DetachInterface(ctx context.Context, id, portID string) error
	// ConsoleOutput returns the last lines of the serial console, all of what is kept when lines is negative. ErrNoGuest.
	ConsoleOutput(ctx context.Context, id string, lines int) (string, error)
	// Console tells where a running guest's graphical or serial console is served on this host. ErrNoGuest, ErrState.
	Console(ctx context.Context, id string, kind ConsoleKind) (ConsoleAddress, error)
	// Watch calls changed with the ID of each guest whose state changed, for whatever reason, and with "" when changes
	// may have been missed. It returns when ctx ends. changed must not block for long.
	Watch(ctx context.Context, changed func(id string)) error
}

// Snapshotter is implemented by drivers that can copy a guest's root disk while it runs.
type Snapshotter interface {
	// Snapshot writes the root disk as it is now, in format "qcow2" or "raw", to w. ErrNoGuest.
	Snapshot(ctx context.Context, id, format string, w io.Writer) error
}

// Resizer is implemented by drivers that can change a guest's flavor on this host.
type Resizer interface {
	// Resize gives a guest that is Shutdown the CPUs, memory and disk size of g; its disk never shrinks. ErrNoGuest, ErrState.
	Resize(ctx context.Context, g Guest) error
}

// Diagnoser is implemented by drivers that can count what a guest consumes.
type Diagnoser interface {
	// Diagnostics reads the counters of a running guest. ErrNoGuest, ErrState.
	Diagnostics(ctx context.Context, id string) (Diagnostics, error)
}

// VolumeAttacher is implemented by drivers that can give a guest disks of the block storage service.
type VolumeAttacher interface {
	// AttachVolume plugs a disk into a guest, running or not. A disk with that ID being there is success. ErrNoGuest.
	AttachVolume(ctx context.Context, id string, v Volume) error
	// DetachVolume returns once the guest does not use the disk any more. Its absence is success. ErrNoGuest.
	DetachVolume(ctx context.Context, id, volumeID string) error
}

// Housekeeper is implemented by drivers that collect rubbish over time.
type Housekeeper interface {
	// Housekeep removes what no guest needs any more, such as cached images, as of now.
	Housekeep(ctx context.Context, now time.Time) error
}

// Images is where a driver gets an image's bytes from when its cache lacks them.
type Images interface {
	Open(ctx context.Context, imageID string) (io.ReadCloser, error)
}
