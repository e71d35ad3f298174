package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/blobtest"
	"nacre/internal/glance/blob/s3"
	"nacre/internal/glance/blob/swifttest"
	"nacre/internal/oslo/uuid"
)

func TestMain(m *testing.M) { swifttest.Main(m) }

var buckets atomic.Int64

func config(t *testing.T) s3.Config {
	t.Helper()
	return s3.Config{Host: "http://" + swifttest.Start(t).Host, Region: "us-east-1", AccessKey: swifttest.User, SecretKey: swifttest.Key,
		Bucket: fmt.Sprintf("glance%d", buckets.Add(1)), CreateBucket: true, BucketURLFormat: "path", ChunkSize: 5, ThreadPools: 2}
}

func open(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestS3(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, config(t)) })
}

// TestDiscarded: an upload that was given up as dead cannot come back.
func TestDiscarded(t *testing.T) {
	s, image, upload := open(t, config(t)), uuid.New(), uuid.New()
	w, err := s.Create(t.Context(), image, upload, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 6<<20)); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), image, upload); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("it was committed")
	}
	if _, err := s.Size(t.Context(), image); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("size: %v, want ErrNotFound", err)
	}
}

// TestInterrupted: a caller who has gone leaves nothing.
func TestInterrupted(t *testing.T) {
	s, image := open(t, config(t)), uuid.New()
	ctx, cancel := context.WithCancelCause(t.Context())
	w, err := s.Create(ctx, image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	cancel(gone)
	if err := w.Commit(); !errors.Is(err, gone) {
		t.Errorf("committed: %v", err)
	}
	if err := s.Objects(t.Context(), func(o blob.Object) error { return fmt.Errorf("left: %+v", o) }); err != nil {
		t.Error(err)
	}
}

// TestFull: a server that refuses the second part for its size.
func TestFull(t *testing.T) {
	c := config(t)
	to, err := url.Parse(c.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // which is signed
	}}
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("partNumber") == "2" {
			w.WriteHeader(http.StatusInsufficientStorage)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer full.Close()
	c.Host = full.URL
	s, image := open(t, c), uuid.New()
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(bytes.Repeat([]byte("x"), 11<<20))
	if err == nil {
		err = w.Commit()
	} else {
		err = errors.Join(err, w.Abort())
	}
	if !errors.Is(err, blob.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := s.Objects(t.Context(), func(o blob.Object) error { return fmt.Errorf("left: %+v", o) }); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	c := config(t)
	c.SecretKey = "wrong"
	if _, err := open(t, c).Create(t.Context(), uuid.New(), uuid.New(), blob.Unknown); !errors.Is(err, blob.ErrDenied) {
		t.Errorf("a wrong key: %v, want ErrDenied", err)
	}
	c = config(t)
	c.CreateBucket = false
	if _, err := open(t, c).Create(t.Context(), uuid.New(), uuid.New(), blob.Unknown); err == nil {
		t.Error("a bucket that is not there took an image")
	}
	if got := open(t, c).URL("i"); got != "s3://"+strings.TrimPrefix(c.Host, "http://")+"/"+c.Bucket+"/i" || strings.Contains(got, swifttest.Key) {
		t.Errorf("URL %s", got)
	}
}

func TestConfig(t *testing.T) {
	c := s3.Config{ChunkSize: 1, BucketURLFormat: "moon"}
	err := c.Check()
	for _, want := range []string{"s3_store_host", "s3_store_access_key", "s3_store_secret_key", "s3_store_bucket ", "chunk_size", "url_format"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
}
