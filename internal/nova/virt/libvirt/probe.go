package libvirt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// probeLimit is how long the probe guest may take with KVM, with which it needs a fifth of a second.
const probeLimit = 3 * time.Second

// The probe guest's boot sector writes 42 to the port of QEMU's debug exit device, which ends QEMU with 42*2+1.
const probePort, probeExit = 0xf4, 85

var probeCode = []byte{
	0xb0, 42, // mov al, 42
	0xba, probePort, 0, // mov dx, 0xf4
	0xee, // out dx, al
	0xf4, // hlt
}

// probe returns "kvm" if a guest boots with KVM and "qemu" otherwise: the device may be there and not work. The answer is
// kept until the machine boots again.
func probe(ctx context.Context, stateDir string, log *slog.Logger) string {
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err != nil {
		return "qemu"
	} else {
		f.Close()
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "qemu"
	}
	file := filepath.Join(stateDir, "virt_type")
	if b, err := os.ReadFile(file); err == nil {
		if kind, of, _ := strings.Cut(string(b), " "); of == string(boot) {
			return kind
		}
	}
	kind := "qemu"
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	err = bootProbe(limited, "kvm", stateDir)
	if err == nil {
		kind = "kvm"
	}
	log.InfoContext(ctx, "probed KVM with a guest", "virt_type", kind, "seconds", time.Since(start).Seconds(), "error", err)
	if err := os.WriteFile(file, []byte(kind+" "+string(boot)), 0o600); err != nil {
		log.WarnContext(ctx, "the result of the KVM probe is not kept", "error", err)
	}
	return kind
}

// bootProbe boots the probe guest through the firmware from a disk.
func bootProbe(ctx context.Context, accel, dir string) error {
	disk := make([]byte, 64<<10)
	copy(disk, probeCode)
	disk[510], disk[511] = 0x55, 0xaa
	f, err := os.CreateTemp(dir, "probe")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(disk)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = exec.CommandContext(ctx, "qemu-system-x86_64", "-machine", "pc,accel="+accel, "-nodefaults", "-display", "none", "-m", "16",
		"-drive", "if=ide,format=raw,file="+f.Name(),
		"-device", fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=1", probePort)).Run()
	if ctx.Err() != nil {
		return fmt.Errorf("the guest hung: %w", ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == probeExit {
		return nil
	}
	return fmt.Errorf("the guest did not boot: %w", err)
}
