package libvirt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// keptLog is how much of a guest's console and of its emulator's log is kept, in bytes: a guest must not fill the
// host's disk with what it says.
const keptLog = 2 << 20

// Housekeep cuts logs and removes cached images that no guest uses. It may be called every few seconds.
func (d *Driver) Housekeep(ctx context.Context, now time.Time) error {
	err := d.cutLogs()
	d.mu.Lock()
	due := d.cfg.SweepEvery > 0 && now.Sub(d.swept) >= d.cfg.SweepEvery
	if due {
		d.swept = now
	}
	d.mu.Unlock()
	if !due {
		return err
	}
	used, usedErr := d.BasesInUse()
	if usedErr == nil {
		_, usedErr = d.cache.Sweep(ctx, used, now)
	}
	return errors.Join(err, usedErr)
}

// cutLogs gives the room back that the beginning of long logs takes. Their writers do not notice.
func (d *Driver) cutLogs() error {
	var errs []error
	for _, pattern := range []string{filepath.Join(d.instances(), "*", consoleFile), d.emulatorLog("*")} {
		files, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, f := range files {
			errs = append(errs, cutLog(f))
		}
	}
	return errors.Join(errs...)
}

// emulatorLog is where libvirt puts what a guest's emulator says.
func (d *Driver) emulatorLog(guest string) string {
	return d.cfg.Daemon.Path("/var/log/libvirt/qemu/" + guest + ".log")
}

// cutLog makes all but the last keptLog bytes of a file a hole.
func cutLog(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() <= keptLog {
		return nil
	} else if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()-keptLog)
	return errors.Join(err, f.Close())
}
