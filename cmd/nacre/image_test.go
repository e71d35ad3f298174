package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloud"
)

// TestWatchImage prints each change once, and ends with the import.
func TestWatchImage(t *testing.T) {
	states := []cloud.ImageProgress{
		{Status: "queued", Size: -1},
		{Status: "importing", Size: -1, Store: "os_glance_staging_store", Bytes: 10 << 20, Seconds: 2, Message: "Copied 10 MiB"},
		{Status: "importing", Size: -1, Store: "os_glance_staging_store", Bytes: 10 << 20, Seconds: 2, Message: "Copied 10 MiB"},
		{Status: "importing", Size: 20 << 20, Store: "file", Bytes: 5 << 20, Seconds: 1},
		{Status: "active", Size: 20 << 20, Message: "Copied 20 MiB", Over: true},
	}
	asked := 0
	ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/images/my image/progress" {
			http.Error(w, "there is no image of that ID or name", http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(states[asked])
		asked++
	}))
	defer ops.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ops"), []byte(strings.TrimPrefix(ops.URL, "http://")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := watchImage(t.Context(), &out, dir, "my image", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), "  ")
		lines = append(lines, text)
	}
	want := []string{"queued", "importing  10.0 MiB to os_glance_staging_store, 5.0 MiB/s  task: Copied 10 MiB",
		"importing  5.0 MiB to file, 5.0 MiB/s", "active  20.0 MiB  task: Copied 20 MiB"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", out.String())
	}
	if err := watchImage(t.Context(), &out, dir, "nosuch", time.Millisecond); err == nil || !strings.Contains(err.Error(), "there is no image") {
		t.Errorf("got %v", err)
	}
}
