package console

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// dialTimeout is how long a guest's console may take to accept.
const dialTimeout = 10 * time.Second

// dial opens a guest's console: a unix socket or a pseudo terminal of this host, or a TCP port of the guest's.
func dial(ctx context.Context, network, address string) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := net.Dialer{}
	switch network {
	case "tcp":
		return d.DialContext(ctx, network, address)
	case "unix":
		return dialUnix(ctx, d, address)
	case "pty":
		return os.OpenFile(address, os.O_RDWR|unix.O_NOCTTY, 0)
	default:
		return nil, fmt.Errorf("%q: %w", network, errNetwork)
	}
}

// dialUnix reaches sockets whose path is longer than an address may be.
func dialUnix(ctx context.Context, d net.Dialer, address string) (net.Conn, error) {
	if len(address) <= 107 {
		return d.DialContext(ctx, "unix", address)
	}
	dir, err := os.OpenFile(filepath.Dir(address), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(address)))
}
