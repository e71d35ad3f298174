package swift_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/blobtest"
	"nacre/internal/glance/blob/swift"
	"nacre/internal/glance/blob/swifttest"
	"nacre/internal/oslo/uuid"
)

func TestMain(m *testing.M) { swifttest.Main(m) }

var containers atomic.Int64

func config(t *testing.T) swift.Config {
	t.Helper()
	return swift.Config{AuthVersion: 1, AuthAddress: swifttest.Start(t).AuthURL(), User: swifttest.User, Key: swifttest.Key,
		Container: fmt.Sprintf("glance%d", containers.Add(1)), CreateContainer: true, ChunkSize: 5}
}

func open(t *testing.T, c swift.Config) *swift.Store {
	t.Helper()
	s, err := swift.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSwift(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, config(t)) })
}

func begin(t *testing.T, ctx context.Context, s *swift.Store, image, upload string, size int) blob.Writer {
	t.Helper()
	w, err := s.Create(ctx, image, upload, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	return w
}

func nothing(t *testing.T, s *swift.Store) {
	t.Helper()
	if err := s.Objects(t.Context(), func(o blob.Object) error { return fmt.Errorf("left: %+v", o) }); err != nil {
		t.Error(err)
	}
}

// TestDiscarded: an upload that was given up as dead cannot come back, wherever
// it was.
func TestDiscarded(t *testing.T) {
	for _, size := range []int{1, 6 << 20} {
		s, image, upload := open(t, config(t)), uuid.New(), uuid.New()
		w := begin(t, t.Context(), s, image, upload, size)
		if err := s.Discard(t.Context(), image, upload); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err == nil {
			t.Error("it was committed")
		}
		nothing(t, s)
	}
}

// TestInterrupted: a caller who has gone leaves nothing.
func TestInterrupted(t *testing.T) {
	s := open(t, config(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	w := begin(t, ctx, s, uuid.New(), uuid.New(), 6<<20)
	cancel(errors.New("gone"))
	if err := w.Commit(); err == nil {
		t.Error("committed")
	}
	// A piece that was on its way may come in yet. It tells whose it is, so that it goes with the next tidying.
	left := 1
	tidy := func(o blob.Object) error {
		if left++; o.Upload == "" {
			return fmt.Errorf("left: %+v", o)
		}
		return s.Discard(t.Context(), o.Image, o.Upload)
	}
	for end := time.Now().Add(time.Minute); left > 0; time.Sleep(50 * time.Millisecond) {
		left = 0
		if err := s.Objects(t.Context(), tidy); err != nil {
			t.Fatal(err)
		}
		if left > 0 && time.Now().After(end) {
			t.Fatalf("%d pieces are left", left)
		}
	}
}

// TestDiscardOwned: what an upload has committed is not removed with it.
func TestDiscardOwned(t *testing.T) {
	s, image, upload := open(t, config(t)), uuid.New(), uuid.New()
	if err := begin(t, t.Context(), s, image, upload, 6<<20).Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), image, upload); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Size(t.Context(), image); n != 6<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestRefused(t *testing.T) {
	c := config(t)
	c.Key = "wrong"
	if _, err := open(t, c).Create(t.Context(), uuid.New(), uuid.New(), blob.Unknown); !errors.Is(err, blob.ErrDenied) {
		t.Errorf("a wrong key: %v, want ErrDenied", err)
	}
	c = config(t)
	c.CreateContainer = false
	if _, err := open(t, c).Create(t.Context(), uuid.New(), uuid.New(), blob.Unknown); err == nil {
		t.Error("a container that is not there took an image")
	}
}

// TestHeadLeavesConnection: no other request follows a HEAD on its connection, where
// Swift may send the end of a body that there was none of.
func TestHeadLeavesConnection(t *testing.T) {
	var mu sync.Mutex
	headed := map[string]bool{} // connections
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if headed[r.RemoteAddr] {
			t.Errorf("%s %s on the connection of a HEAD", r.Method, r.URL.Path)
		}
		headed[r.RemoteAddr] = r.Method == "HEAD"
		w.Header().Set("X-Storage-Url", "http://"+r.Host+"/v1/a")
		w.Header().Set("X-Auth-Token", "token")
	}))
	defer server.Close()
	s := open(t, swift.Config{AuthVersion: 1, AuthAddress: server.URL + "/auth", User: "a:b", Key: "k"})
	for range 2 {
		if _, err := s.Size(t.Context(), uuid.New()); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), uuid.New(), 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
}

func TestConfig(t *testing.T) {
	c := swift.Config{AuthVersion: 4, User: "nobody", EndpointType: "moon", ChunkSize: 1 << 20, Container: "a/b"}
	err := c.Check()
	for _, want := range []string{"auth_version", "auth_address", "swift_store_key", "endpoint_type", "chunk_size", "swift_store_container"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
	if err := (&swift.Config{AuthAddress: "https://keystone/v3", ApplicationCredentialID: "a"}).Check(); err == nil {
		t.Error("half an application credential was taken")
	}
}
