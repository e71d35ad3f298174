package memcached

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"nacre/internal/keystone/token"
	"nacre/internal/keystone/token/tokentest"
)

// server starts a memcached on a socket of its own and gives what ends it.
func server(t *testing.T) (socket string, stop func()) {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil {
		t.Fatal("memcached is not installed")
	}
	socket = filepath.Join(t.TempDir(), "socket")
	cmd := exec.CommandContext(t.Context(), path, "-s", socket, "-u", "root", "-m", "16")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	return socket, stop
}

func shelf(t *testing.T, socket string) *Shelf {
	t.Helper()
	s := New(socket)
	t.Cleanup(func() { _ = s.Close() })
	deadline := time.Now().Add(30 * time.Second)
	for s.Ping() != nil {
		if time.Now().After(deadline) {
			t.Fatal(s.Ping())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return s
}

func TestStored(t *testing.T) {
	socket, _ := server(t)
	tokentest.Run(t, token.NewStored(shelf(t, socket), time.Hour))
}

// TestShared: what one replica kept another finds, till it is of no use, and a
// server that is gone is an error, not an unknown token.
func TestShared(t *testing.T) {
	socket, stop := server(t)
	a, b := shelf(t, socket), shelf(t, socket)
	ctx := t.Context()
	for key, until := range map[string]time.Time{"now": time.Now().Add(time.Hour), "far": time.Now().AddDate(50, 0, 0)} {
		if err := a.Put(ctx, key, []byte("text"), until); err != nil {
			t.Fatal(err)
		}
		if text, err := b.Get(ctx, key); err != nil || string(text) != "text" {
			t.Errorf("%s: %q %v", key, text, err)
		}
	}
	if err := a.Put(ctx, "past", []byte("text"), time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"past", "never"} {
		if _, err := b.Get(ctx, key); !errors.Is(err, token.ErrAbsent) {
			t.Errorf("%s: %v", key, err)
		}
	}
	stop()
	if _, err := a.Get(ctx, "now"); err == nil || errors.Is(err, token.ErrAbsent) {
		t.Errorf("without a server: %v", err)
	}
	if err := a.Put(ctx, "now", nil, time.Now()); err == nil {
		t.Error("kept on no server")
	}
}
