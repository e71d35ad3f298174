// Package libvirtd finds or starts the libvirt daemon of this host. A daemon that answers already, in our network
// namespace, is used as it is; else a private one is started under the state directory, where a second cloud on the
// same machine, or the distribution's own daemon, cannot meet it. The private daemon and its guests outlive this
// process: the next one finds them by the pid file. The package knows nothing of guests.
package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Use says which daemon to use.
type Use string

// The choices for libvirt_daemon.
const (
	Auto    Use = "auto"    // the system's if it answers and is in our network namespace, else a private one
	System  Use = "system"  // the system's, or an error
	Private Use = "private" // our own
)

// systemSocket is where a daemon of the distribution listens.
const systemSocket = "/run/libvirt/libvirt-sock"

// Config are the options of this package.
type Config struct {
	StateDir string        // the private daemon's files go to its subdirectory libvirt
	Use      Use           // default Auto
	Timeout  time.Duration // how long a daemon may take to answer; default 90 s, for a first start probes every emulator
	Log      *slog.Logger  // default slog.Default()
}

// Daemon is a libvirt daemon that answers.
type Daemon struct {
	cfg     Config
	private bool
	root    string // of the private daemon's directories
	socket  string
}

// Start returns a daemon that answers, starting a private one if need be.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 90 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Use != Private {
		d := &Daemon{cfg: cfg, socket: systemSocket}
		err := d.usable(ctx)
		if err == nil {
			cfg.Log.InfoContext(ctx, "libvirt daemon of the system is used", "socket", d.socket)
			return d, nil
		}
		if cfg.Use == System {
			return nil, fmt.Errorf("libvirt: the system's daemon cannot be used: %w", err)
		}
	}
	dir, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return nil, fmt.Errorf("libvirt: %w", err)
	}
	root := filepath.Join(dir, "libvirt")
	d := &Daemon{cfg: cfg, private: true, root: root, socket: filepath.Join(root, "run", "libvirt-sock")}
	return d, d.ensure(ctx)
}

// Private says whether the daemon is our own.
func (d *Daemon) Private() bool { return d.private }

// Dial opens a connection to the daemon, for one libvirt client.
func (d *Daemon) Dial() (net.Conn, error) { return DialUnix(d.socket) }

// Path translates a path that the daemon names, such as that of a guest's console socket, into one that we can open.
func (d *Daemon) Path(p string) string {
	if !d.private {
		return p
	}
	for _, m := range mounts {
		if rest, ok := strings.CutPrefix(p, m.at+"/"); ok {
			return filepath.Join(d.root, m.dir, rest)
		}
	}
	return p
}

// Run keeps the private daemon alive until ctx ends, and leaves it running then.
func (d *Daemon) Run(ctx context.Context) error {
	if !d.private {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if d.pid() != 0 {
			continue
		}
		d.cfg.Log.WarnContext(ctx, "libvirt daemon ended; starting it again")
		if err := d.ensure(ctx); err != nil && ctx.Err() == nil {
			d.cfg.Log.ErrorContext(ctx, "libvirt daemon does not start", "error", err)
		}
	}
}

// ensure adopts the private daemon that the pid file names, or starts one.
func (d *Daemon) ensure(ctx context.Context) error {
	if pid := d.pid(); pid != 0 {
		if sameNetwork(pid) && d.answers(ctx) == nil {
			d.cfg.Log.InfoContext(ctx, "private libvirt daemon adopted", "pid", pid)
			return nil
		}
		if err := d.Stop(ctx); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := d.prepare(); err != nil {
		return fmt.Errorf("libvirt: %w", err)
	}
	proc, err := d.launch()
	if err != nil {
		return fmt.Errorf("libvirt: %w", err)
	}
	if err := d.await(ctx, proc); err != nil {
		return err
	}
	d.cfg.Log.InfoContext(ctx, "private libvirt daemon started", "pid", proc.pid, "seconds", time.Since(start).Seconds())
	return nil
}

// await waits until the daemon answers or has ended.
func (d *Daemon) await(ctx context.Context, proc *process) error {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	for {
		err := d.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-proc.ended:
			return fmt.Errorf("libvirt: the private daemon ended at once: %s", d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("libvirt: the private daemon does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lastWords is the end of what the daemon printed.
func (d *Daemon) lastWords() string {
	b, _ := os.ReadFile(filepath.Join(d.root, "out"))
	if len(b) > 1000 {
		b = b[len(b)-1000:]
	}
	return strings.TrimSpace(string(b))
}

// usable says why the system's daemon is none for us.
func (d *Daemon) usable(ctx context.Context) error {
	conn, err := DialUnix(d.socket)
	if err != nil {
		return err
	}
	pid, err := peer(conn)
	conn.Close()
	if err != nil {
		return err
	}
	if !sameNetwork(pid) {
		return errors.New("it is in another network namespace")
	}
	return d.answers(ctx)
}

// answers asks the daemon for its QEMU driver.
func (d *Daemon) answers(ctx context.Context) error {
	conn, err := d.Dial()
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		l := libvirt.NewWithDialer(dialed{conn})
		err := l.ConnectToURI(libvirt.QEMUSystem)
		if err == nil {
			err = l.Disconnect()
		}
		conn.Close()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		conn.Close()
		<-done
		return ctx.Err()
	}
}

// dialed is a dialer for a connection that is open already.
type dialed struct{ conn net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.conn, nil }
