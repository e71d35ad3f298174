package service

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob/web"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/flow/flowtest"
)

// webPlace is a place that has a store of URLs too, and a URL with five bytes.
func webPlace(t *testing.T) (*place, string) {
	t.Helper()
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "image", time.Time{}, strings.NewReader("bytes"))
	}))
	t.Cleanup(at.Close)
	remote, err := web.New(web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, DefaultConfig())
	p.backends = append(p.backends, Backend{ID: "web", Remote: remote})
	p.hashPause = 0
	return p, at.URL + "/image"
}

// locating does what AddLocation does but for the flow, whose state it returns.
func (p *place) locating(t *testing.T, n NewLocation) (st locationImport) {
	t.Helper()
	err := p.store.Import(as(t), p.image(t, "raw").ID, p.clock.Now(), func(ctx context.Context, tx *store.Import) (err error) {
		st, err = p.beginLocating(ctx, tx, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestLocationFlow: wherever the process is lost, the image is active with the
// bytes and their hash; what fails leaves it queued without any, or active
// where it was so before its bytes were to be hashed.
func TestLocationFlow(t *testing.T) {
	sum := sha512.Sum512([]byte("bytes"))
	hash := hex.EncodeToString(sum[:])
	for name, validation := range map[string]map[string]string{"not told": nil,
		"told": {"os_hash_algo": "sha512", "os_hash_value": hash}} {
		t.Run(name, func(t *testing.T) {
			flowtest.Run(t, func(t *testing.T) flowtest.World[locationImport] {
				p, url := webPlace(t)
				st := p.locating(t, NewLocation{URL: url, Validation: validation})
				return flowtest.World[locationImport]{DB: p.store.DB(), Flow: p.locationFlow(), State: st,
					Done: func(t *testing.T) {
						img := p.ended(t, imageImport{ImageID: st.ImageID, TaskID: st.TaskID}, glance.TaskSuccess)
						if img.Status != glance.Active || img.Size != 5 || img.HashValue != hash || !img.In("web") {
							t.Errorf("got %+v", img)
						}
					},
					Undone: func(t *testing.T) {
						img := p.ended(t, imageImport{ImageID: st.ImageID, TaskID: st.TaskID}, glance.TaskFailure)
						active := img.Status == glance.Active && img.Size == 5 && img.In("web") && (img.HashAlgo == "") == (img.HashValue == "") &&
							(img.HashValue == hash || validation == nil)
						queued := img.Status == glance.Queued && img.Size == glance.None && !img.HasData() && img.HashAlgo+img.HashValue+img.Checksum == ""
						if !active && !queued {
							t.Errorf("got %+v", img)
						}
					}}
			})
		})
	}
}

// TestAdoptHashes: what a process of an older version wanted to be hashed is,
// but not while that process is at it.
func TestAdoptHashes(t *testing.T) {
	for want, told := range map[glance.Status]string{glance.Active: "", glance.Queued: strings.Repeat("0", 128)} {
		p, url := webPlace(t)
		img := p.image(t, "raw")
		up := glance.Upload{ImageID: img.ID, ID: "0b7a4f3e-1111-4222-8333-444455556666", Worker: "older", ExpiresAt: p.clock.Now().Add(lease)}
		p.leaveHashing(t, img.ID, url, told, up)
		if err := p.adoptHashes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := p.LiveFlows(t.Context()); n != 0 || err != nil {
			t.Errorf("%d flows while the other process hashes, %v", n, err)
		}
		if err := p.store.AbortUpload(t.Context(), up, p.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if err := p.adoptHashes(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = p.Locate(t.Context(), img.ID)
		got, err := p.store.AnyImage(t.Context(), img.ID)
		if err != nil || got.Status != want || got.HasData() != (want == glance.Active) || (got.HashValue == "") != (told != "") {
			t.Errorf("told %q: %+v, %v", told, got, err)
		}
		if left, err := p.store.Hashings(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// leaveHashing makes of an image what older versions do, up to the hashing.
func (p *place) leaveHashing(t *testing.T, id, url, told string, up glance.Upload) {
	t.Helper()
	err := p.store.Import(t.Context(), id, p.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		tx.Image.Status, tx.Image.Size = glance.Active, 5
		if told != "" {
			tx.Image.Status = glance.Importing
		}
		tx.Image.Locations = []glance.Location{{ID: up.ID, ImageID: id, Store: "web", URL: url, Status: glance.LocationActive, Metadata: map[string]any{}}}
		if err := tx.Save(ctx); err != nil {
			return err
		}
		if err := db.Table[glance.Upload]("image_uploads").Insert(ctx, tx.Tx, up); err != nil {
			return err
		}
		return db.Table[glance.Hashing]("image_hashes").Insert(ctx, tx.Tx, glance.Hashing{ImageID: id, HashAlgo: "sha512", HashValue: told})
	})
	if err != nil {
		t.Fatal(err)
	}
}
