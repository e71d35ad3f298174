package service

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/glance/blob"
	"nacre/internal/oslo/fault"
)

// Backend is a store of image bytes under its name. It keeps objects of its
// own, or reads what is at URLs.
type Backend struct {
	ID          string
	Description string
	Weight      int         // the heaviest of an image's stores is read from
	Blobs       blob.Store  // nil: nothing is ever written
	Remote      blob.Remote // nil: no URLs are read
}

// create begins an object, whose errors say of which store they are.
func (b *Backend) create(ctx context.Context, image, upload string, size int64) (blob.Writer, error) {
	w, err := b.Blobs.Create(ctx, image, upload, size)
	return namedWriter{w, b}, b.named(err)
}

func (b *Backend) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %w", b.ID, err)
}

type namedWriter struct {
	blob.Writer
	of *Backend
}

// Write implements blob.Writer.
func (w namedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, w.of.named(err)
}

// Commit implements blob.Writer.
func (w namedWriter) Commit() error { return w.of.named(w.Writer.Commit()) }

// Abort implements blob.Writer.
func (w namedWriter) Abort() error { return w.of.named(w.Writer.Abort()) }

// Info describes the store to operators.
func (b Backend) Info() blob.Info {
	if b.Blobs != nil {
		return b.Blobs.Info()
	}
	return b.Remote.Info()
}

// ReadOnly reports whether images come there by their location only.
func (b Backend) ReadOnly() bool { return b.Blobs == nil }

// Backends are the stores, the default one first.
func (s *Service) Backends() []Backend { return s.backends }

func (s *Service) backend(id string) *Backend {
	for i := range s.backends {
		if s.backends[i].ID == id {
			return &s.backends[i]
		}
	}
	return nil
}

// storeFor is the store of that ID, the default one for "", to be written to.
func (s *Service) storeFor(id string) (*Backend, error) {
	b := &s.backends[0]
	if id != "" {
		b = s.backend(id)
	}
	switch {
	case b == nil:
		return nil, fault.BadRequest("Unknown scheme '%s' found in URI", id)
	case b.ReadOnly():
		return nil, fault.New(http.StatusGone, "Error in store configuration. Adding images to store is disabled.")
	}
	return b, nil
}

// keepers are the stores that have objects of their own.
func (s *Service) keepers() []Backend {
	return slices.DeleteFunc(slices.Clone(s.backends), Backend.ReadOnly)
}

// ReadsWeb reports whether there is a store that reads what web servers have,
// and the URL looks like one of theirs.
func (s *Service) ReadsWeb(url string) bool {
	return strings.HasPrefix(url, "http") && s.readerOf("http://") != nil
}

// readerOf is the store that reads a URL of somebody else's, or nil.
func (s *Service) readerOf(url string) *Backend {
	scheme, _, _ := strings.Cut(strings.ToLower(url), "://")
	for i, b := range s.backends {
		if b.Remote != nil && slices.Contains(b.Remote.Schemes(), scheme) {
			return &s.backends[i]
		}
	}
	return nil
}
