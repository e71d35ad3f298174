package linux

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// checksums makes the kernel fill in checksums of what a namespace's end of a
// veth sends. DHCP clients read packets below the kernel and refuse those that
// a real network card would still complete.
func (n *namespace) checksums(name string) error {
	return inside(n.ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_STXCSUM}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:unix.IFNAMSIZ-1], name)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return fmt.Errorf("turn off: %w", errno)
		}
		return nil
	})
}
