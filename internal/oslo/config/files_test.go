package config_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/oslo/config"
)

// TestFiles: what changes holds at once, and what is wrong changes nothing.
func TestFiles(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (string, error) {
		a, err := os.ReadFile(one)
		b, err2 := os.ReadFile(two)
		return string(a) + string(b), errors.Join(err, err2)
	}
	if _, err := config.Watch(read, one, two); err == nil {
		t.Fatal("nothing is there")
	}
	write(one, "a")
	write(two, "b")
	f, err := config.Watch(read, one, two)
	if err != nil {
		t.Fatal(err)
	}
	want := func(text string, complaints int) {
		t.Helper()
		for range 2 {
			if got := f.Current(); got != text || strings.Count(log.String(), "level=ERROR") != complaints {
				t.Errorf("%q, want %q: %s", got, text, log.String())
			}
		}
	}
	want("ab", 0)
	write(two, "bc")
	want("abc", 0)
	if err := os.Rename(one, one+"x"); err != nil {
		t.Fatal(err)
	}
	want("abc", 1)
	write(one, "longer")
	want("longerbc", 1)
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	want("longerbc", 2)
}
