package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
)

// dead is a store that does not answer.
type dead struct{ blob.Store }

var errDead = errors.New("connection refused")

func (dead) Create(context.Context, string, string, int64) (blob.Writer, error) { return nil, errDead }
func (dead) Delete(context.Context, string) error                               { return errDead }
func (dead) Discard(context.Context, string, string) error                      { return errDead }

// TestImportToDeadStore: an import that all stores must get is over when one
// does not answer, and the others have nothing.
func TestImportToDeadStore(t *testing.T) {
	p := newPlace(t, DefaultConfig())
	p.backends[1].Blobs = dead{p.backends[1].Blobs}
	img := p.image(t, "raw")
	if err := p.Stage(as(t), img.ID, Data{Body: strings.NewReader("bytes"), Length: glance.None}); err != nil {
		t.Fatal(err)
	}
	req := ImportRequest{Method: GlanceDirect, All: true, Body: json.RawMessage("{}")}
	if err := p.ImportImage(as(t), img.ID, req, func(glance.Image) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); p.flows.Run(ctx) }()
	_ = p.flows.Wait(ctx, "image_import", img.ID)
	stop()
	<-ended
	now, err := p.store.AnyImage(as(t), img.ID)
	if err != nil || now.Status != glance.Queued || now.HasData() {
		t.Errorf("got %+v, %v", now, err)
	}
	if _, err := p.backends[0].Blobs.Size(t.Context(), img.ID); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the other store has bytes: %v", err)
	}
}

// TestHealBesideDeadStore: an upload that was killed is over though a store
// does not answer, and its pieces go when it does.
func TestHealBesideDeadStore(t *testing.T) {
	p := newPlace(t, DefaultConfig())
	img := p.image(t, "raw")
	files := p.backends[0].Blobs
	killed := glance.Upload{ImageID: img.ID, ID: "0b7a4f3e-1111-4222-8333-444455556666", Worker: p.worker, ExpiresAt: p.clock.Now().Add(lease)}
	if _, err := p.store.BeginUpload(as(t), killed, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	w, err := files.Create(t.Context(), img.ID, killed.ID, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	p.backends[0].Blobs = dead{files}
	if err := p.healUploads(t.Context()); err != nil {
		t.Error(err)
	}
	if now, err := p.store.AnyImage(as(t), img.ID); err != nil || now.Status != glance.Queued {
		t.Errorf("got %+v, %v", now, err)
	}
	p.backends[0].Blobs = files
	if err := p.tidyBlobs(t.Context()); err != nil {
		t.Error(err)
	}
	err = files.Objects(t.Context(), func(o blob.Object) error { t.Errorf("left: %+v", o); return nil })
	if err != nil {
		t.Error(err)
	}
}
