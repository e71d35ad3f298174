package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/flow"
)

// TestImportAgain: as soon as a client can see that an import is over, however it
// ended, the next one is taken.
func TestImportAgain(t *testing.T) {
	for name, refused := range map[string]bool{"all": false, "not all": true, "none": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, DefaultConfig())
			fails, req := name == "none", ImportRequest{Method: GlanceDirect, Stores: []string{"one"}, Body: json.RawMessage("{}")}
			next := ImportRequest{Method: CopyImage, Stores: []string{"two"}, Body: json.RawMessage("{}")}
			if refused {
				p.backends[1].Blobs = refusing{p.backends[1].Blobs}
				req.All, req.Stores, req.MayFail = true, nil, !fails
			}
			img := p.image(t, "raw")
			asked := false
			look := func(point string) {
				now, err := p.store.AnyImage(as(t), img.ID)
				over := now.Status == glance.Active || now.Status == glance.Queued
				if asked || err != nil || !over || len(listOf(now, glance.ImportingToStores)) > 0 {
					return
				}
				asked = true
				if fails { // from the beginning
					if err := p.Stage(as(t), img.ID, Data{Body: strings.NewReader("bytes"), Length: glance.None}); err != nil {
						t.Errorf("%s: staged again: %v", point, err)
					}
					next = req
				}
				if err := p.ImportImage(as(t), img.ID, next, func(glance.Image) error { return nil }); err != nil {
					t.Errorf("%s: imported again: %v", point, err)
				}
			}
			p.flows = flow.NewEngine(p.store.DB(), flow.Options{Owner: "w", Fail: look})
			p.imports = flow.Register(p.flows, p.importFlow())
			if err := p.Stage(as(t), img.ID, Data{Body: strings.NewReader("bytes"), Length: glance.None}); err != nil {
				t.Fatal(err)
			}
			if err := p.ImportImage(as(t), img.ID, req, func(glance.Image) error { return nil }); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); p.flows.Run(ctx) }()
			for range 2 {
				_ = p.flows.Wait(ctx, "image_import", img.ID)
			}
			stop()
			<-ended
			views, err := p.flows.Flows(t.Context(), img.ID)
			if err != nil || len(views) != 2 || slices.ContainsFunc(views, func(v flow.View) bool { return v.FinishedAt.IsZero() }) {
				t.Errorf("flows: %+v, %v", views, err)
			}
		})
	}
}

// refusing is a store that takes nothing.
type refusing struct{ blob.Store }

func (refusing) Create(context.Context, string, string, int64) (blob.Writer, error) {
	return nil, blob.ErrDenied
}
