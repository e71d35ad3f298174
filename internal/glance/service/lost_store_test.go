package service_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
)

// TestLostStore: whoever takes a store away that has images is told.
func TestLostStore(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	for range 2 {
		if err := upload(t, svc, queued(t, svc, "raw").ID, strings.NewReader("bytes")); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	const want = `msg="images are in a store that is not enabled" store=files count=2`
	round(t, svc)
	if strings.Contains(log.String(), "not enabled") {
		t.Errorf("logged %s", &log)
	}
	more, err := blob.NewFile(s.second)
	if err != nil {
		t.Fatal(err)
	}
	svc, err = service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: service.DefaultConfig(),
		Backends: []service.Backend{{ID: "more", Blobs: more}}})
	if err != nil {
		t.Fatal(err)
	}
	round(t, svc)
	if !strings.Contains(log.String(), want) {
		t.Errorf("logged %s, want %s", &log, want)
	}
}
