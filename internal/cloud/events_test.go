package cloud_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/cloudtest"
	"nacre/internal/oslo/messaging"
)

// TestEvents: all services tell of changes by the one notifier, each under its own name.
func TestEvents(t *testing.T) {
	s := newScenery(t)
	var mu sync.Mutex
	var heard []string
	stop, err := s.Env.Bus.Listen(func(e messaging.Event) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, e.PublisherID+" "+e.Type)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s.As(cloudtest.Member).Image().Post("/images", `{"name": "j", "disk_format": "raw", "container_format": "bare"}`).Want(201)
	s.As(cloudtest.Admin).Identity().Post("/regions", `{"region": {"id": "far"}}`).Want(201)
	id := s.makers["server_id"](s)
	var shown struct {
		Server struct {
			Host string `json:"OS-EXT-SRV-ATTR:host"`
		}
	}
	s.As(cloudtest.Admin).Compute("2.93").Get("/servers/" + id).Want(200).Into(&shown)
	for _, want := range []string{"image.testhost image.create", "identity.testhost identity.region.created", fmt.Sprintf("compute.%s compute.instance.create.end", shown.Server.Host)} {
		cloudtest.Until(t, want, time.Minute, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(heard, want)
		})
	}
	res, err := http.Get("http://" + s.Env.Config.OpsListen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(text), "\nnacre_events_dropped_total 0\n") {
		t.Errorf("no figure of events that were dropped: %v", err)
	}
}
