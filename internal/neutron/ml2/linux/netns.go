package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netnsDir is where iproute2 keeps named network namespaces.
const netnsDir = "/run/netns"

// nsfsMagic is the type of a bound namespace's file system.
const nsfsMagic = 0x6e736673

// inside runs fn on a thread of its own within a network namespace. The
// thread ends with fn: no other goroutine ever runs on it.
func inside(ns netns.NsHandle, fn func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(ns); err != nil {
			result <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		result <- fn()
	}()
	return <-result
}

// openNamed opens a named network namespace; absent is fs.ErrNotExist. A name
// whose mount is in another mount namespace leads nowhere: it counts as absent.
func openNamed(name string) (netns.NsHandle, error) {
	path := filepath.Join(netnsDir, name)
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return netns.None(), &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if st.Type != nsfsMagic {
		return netns.None(), fmt.Errorf("%s is not a namespace: %w", path, fs.ErrNotExist)
	}
	return netns.GetFromPath(path)
}

// ensureNamed opens a named network namespace and makes it first if needed.
func ensureNamed(name string) (ns netns.NsHandle, made bool, err error) {
	ns, err = openNamed(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return ns, false, err
	}
	if err := deleteNamed(name); err != nil {
		return netns.None(), false, err
	}
	if err := shareNetnsDir(); err != nil {
		return netns.None(), false, err
	}
	result := make(chan error, 1)
	go func() { // netns.NewNamed leaves its thread in the new namespace: the thread ends here
		runtime.LockOSThread()
		made, err := netns.NewNamed(name)
		if err == nil {
			made.Close()
		}
		result <- err
	}()
	if err := <-result; err != nil {
		return netns.None(), false, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	ns, err = openNamed(name)
	return ns, true, err
}

// shareNetnsDir makes the directory of namespaces a mount of its own, shared
// with other mount namespaces, as `ip netns add` does when it finds none. If
// ours were there first, its mount would hide them, and no name under a hidden
// mount can be removed.
func shareNetnsDir() error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return err
	}
	share := func() error { return unix.Mount("", netnsDir, "none", unix.MS_SHARED|unix.MS_REC, "") }
	err := share()
	if err == unix.EINVAL { // it is no mount yet
		if err = unix.Mount(netnsDir, netnsDir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = share()
		}
	}
	if err != nil {
		return fmt.Errorf("share %s: %w", netnsDir, err)
	}
	return nil
}

// deleteNamed removes a named network namespace; absent is success.
func deleteNamed(name string) error {
	path := filepath.Join(netnsDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// namespace is an open network namespace with its netlink socket.
type namespace struct {
	name string
	ns   netns.NsHandle
	nl   *netlink.Handle
	made bool // by this very call
}

func ensureNamespace(name string) (*namespace, error) {
	ns, made, err := ensureNamed(name)
	if err != nil {
		return nil, err
	}
	nl, err := netlink.NewHandleAt(ns)
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("open netlink in %s: %w", name, err)
	}
	return &namespace{name: name, ns: ns, nl: nl, made: made}, nil
}

func (n *namespace) close() {
	n.nl.Close()
	n.ns.Close()
}

// loopbackUp lets processes of the namespace reach its own addresses.
func (n *namespace) loopbackUp() error {
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.nl.LinkSetUp(lo)
}

// sysctls writes settings of a network namespace, by path below /proc/sys/net.
func sysctls(ns netns.NsHandle, values map[string]string) error {
	return inside(ns, func() error {
		for name, value := range values {
			if err := setSysctl(name, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// setSysctl writes only what differs, for /proc/sys may be read-only. It
// speaks of the calling thread's network namespace.
func setSysctl(name, value string) error {
	path := filepath.Join("/proc/sys/net", name)
	old, err := os.ReadFile(path)
	if err == nil && string(old) == value+"\n" {
		return nil
	}
	return os.WriteFile(path, []byte(value), 0o644)
}
