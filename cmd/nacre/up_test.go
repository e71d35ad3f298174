package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"nacre/internal/cloud"
	"nacre/internal/oslo/auth"
)

// TestStateDirectoryOfFlag: with a file of options, too, what lies in the
// state directory lies in that of the flag.
func TestStateDirectoryOfFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nacre.yaml")
	for text, want := range map[string]string{"region: Here": "/state/policy/nova.yaml", "policy_dir: /rules": "/rules/nova.yaml"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o, cmd := upOptions{flags: cloud.DefaultConfig()}, &cobra.Command{}
		o.add(cmd)
		if err := cmd.ParseFlags([]string{"--config", file, "--state-dir", "/state"}); err != nil {
			t.Fatal(err)
		}
		cfg, err := o.configuration(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.PolicyFile("nova"); got != want {
			t.Errorf("%s: the policy is %s, want %s", text, got, want)
		}
	}
}

// TestLogSaysRequest: what is logged in a request bears the ID that the client was told.
func TestLogSaysRequest(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log := slog.New(logHandler(file, slog.LevelInfo)).With("service", "keystone")
	log.InfoContext(auth.WithRequestID(t.Context(), "req-1"), "asked")
	log.InfoContext(t.Context(), "by itself")
	text, err := os.ReadFile(file.Name())
	if lines := strings.Split(string(text), "\n"); err != nil || len(lines) != 3 || !strings.Contains(lines[0], `"request":"req-1"`) || strings.Contains(lines[1], "request") {
		t.Errorf("%v %s", err, text)
	}
}

// TestCollectLaterEnds has a start that needs more memory than it may use
// before garbage is collected: from then on it is collected as ever.
func TestCollectLaterEnds(t *testing.T) {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	before := debug.SetMemoryLimit(-1)
	collect := collectLater()
	defer collect()
	runtime.GC()
	now := func() int { // without setting it, which would undo what is set meanwhile
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	for end := time.Now().Add(time.Minute); now() != percent; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("GC percent is %d after a collection, was %d", now(), percent)
		}
	}
	if limit := debug.SetMemoryLimit(-1); limit != before {
		t.Errorf("memory limit is %d, was %d", limit, before)
	}
}
