package libvirtd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func needDaemon(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("libvirtd"); err != nil {
		t.Fatal("libvirtd is not installed: it is in Debian's libvirt-daemon-system")
	}
}

func start(t *testing.T, cfg Config) *Daemon {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	d, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("answers after %v", time.Since(began))
	t.Cleanup(func() {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestPrivate starts two daemons side by side, finds one again, and finds it killed.
func TestPrivate(t *testing.T) {
	needDaemon(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	cfg := Config{StateDir: long, Use: Private}
	a := start(t, cfg)
	start(t, Config{StateDir: t.TempDir(), Use: Private})
	pid := a.pid()
	if again := start(t, cfg); again.pid() != pid || pid == 0 {
		t.Errorf("a second start has process %d, the first had %d", again.pid(), pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for a.pid() == pid {
		time.Sleep(10 * time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	for deadline := time.Now().Add(3 * time.Minute); a.pid() == 0 || a.answers(ctx) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the daemon was not started again")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if a.pid() == 0 {
		t.Error("the daemon ended with its supervisor")
	}
}

func TestPath(t *testing.T) {
	d := &Daemon{private: true, root: "/s/libvirt"}
	for in, want := range map[string]string{
		"/var/lib/libvirt/qemu/domain-1-x/vnc.sock": "/s/libvirt/lib/qemu/domain-1-x/vnc.sock",
		"/run/libvirt/x": "/s/libvirt/run/x",
		"/s/nova/disk":   "/s/nova/disk",
	} {
		if got := d.Path(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
