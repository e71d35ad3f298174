package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stop ends the private daemon and returns when it is gone. Its guests go on; the next daemon finds them.
func (d *Daemon) Stop(ctx context.Context) error {
	pid := d.pid()
	if !d.private || pid == 0 {
		return nil
	}
	for waited := time.Duration(0); ; waited += 20 * time.Millisecond {
		signal := syscall.SIGTERM
		if waited > 5*time.Second {
			signal = syscall.SIGKILL
		}
		if waited%time.Second == 0 {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("libvirt: stop process %d: %w", pid, err)
			}
		}
		if d.pid() != pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// peer is the process that listens at the other end.
func peer(c net.Conn) (pid int, err error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if ctlErr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); ctlErr != nil {
		return 0, ctlErr
	}
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}

// sameNetwork says whether a process is in our network namespace.
func sameNetwork(pid int) bool {
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return false
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return err == nil && ours == theirs
}

// DialUnix connects to a stream socket whose path may be longer than the 107 bytes that fit into an address.
func DialUnix(path string) (net.Conn, error) {
	if len(path) <= 107 {
		return net.Dial("unix", path)
	}
	dir, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}
