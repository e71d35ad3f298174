package service

import (
	"context"
	"errors"
	"strings"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
)

// failing is a store that fails in one of its calls.
type failing struct {
	blob.Store
	at string
}

var errBroken = errors.New("broken")

func (f failing) Create(ctx context.Context, image, upload string, size int64) (blob.Writer, error) {
	if f.at == "create" {
		return nil, errBroken
	}
	w, err := f.Store.Create(ctx, image, upload, size)
	return failingWriter{w, f.at}, err
}

type failingWriter struct {
	blob.Writer
	at string
}

func (f failingWriter) Write(p []byte) (int, error) {
	if f.at == "write" {
		return 0, errBroken
	}
	return f.Writer.Write(p)
}

func (f failingWriter) Commit() error {
	if f.at == "commit" {
		return errors.Join(errBroken, f.Writer.Abort())
	}
	return f.Writer.Commit()
}

func (f failingWriter) Abort() error {
	if err := f.Writer.Abort(); f.at != "abort" {
		return err
	}
	return errBroken
}

// TestStoreNamed: what the log says of a failed upload names the store where
// the store has failed, and only there.
func TestStoreNamed(t *testing.T) {
	for at, text := range map[string]string{"create": "bytes", "write": "bytes", "commit": "bytes", "abort": "too many bytes", "": "too many bytes"} {
		config := DefaultConfig()
		config.UserStorageQuota = "10"
		p := newPlace(t, config)
		p.backends[1].Blobs = failing{p.backends[1].Blobs, at}
		err := p.Upload(as(t), p.image(t, "raw").ID, Data{Body: strings.NewReader(text), Length: glance.None, Store: "two"})
		if err == nil {
			t.Fatalf("%s: uploaded", at)
		}
		if got := strings.Contains(err.Error(), "store two: broken"); got != (at != "") || strings.Contains(err.Error(), "store two") != got {
			t.Errorf("%s: %v", at, err)
		}
	}
}
