package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/cloudtest"
)

// TestRaceForQuota has fifty creates race where ten instances are allowed.
func TestRaceForQuota(t *testing.T) {
	const creates, allowed = 50, 10
	c := cloudtest.Start(t, 4)
	c.People()
	admin, member := c.As(cloudtest.Admin), c.As(cloudtest.Member)
	var image struct{ ID string }
	admin.Image().Post("/images", map[string]any{"name": "one", "disk_format": "raw", "container_format": "bare", "visibility": "public"}).Want(201).Into(&image)
	admin.Image().Upload("/images/"+image.ID+"/file", "an image").Want(204)
	admin.Compute("2.1").Put("/os-quota-sets/"+c.IDs["one"], map[string]any{"quota_set": map[string]int{"instances": allowed, "cores": 100, "ram": 100 << 10}}).Want(200)
	got := make([]cloudtest.Answer, creates)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range creates {
		all.Go(func() {
			<-start
			got[i] = member.Compute("2.37").Post("/servers", map[string]any{"server": map[string]any{"name": fmt.Sprint("s", i),
				"imageRef": image.ID, "flavorRef": "42", "networks": "none"}})
		})
	}
	close(start)
	all.Wait()
	accepted := 0
	for _, a := range got {
		switch {
		case a.Status == http.StatusAccepted:
			accepted++
		case a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"):
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if accepted != allowed {
		t.Errorf("%d creates were accepted, want %d", accepted, allowed)
	}
	var servers struct{ Servers []struct{ Status string } }
	cloudtest.Until(t, "the accepted servers are ACTIVE", time.Minute, func() bool {
		member.Compute("2.1").Get("/servers/detail").Want(200).Into(&servers)
		for _, s := range servers.Servers {
			if s.Status != "ACTIVE" {
				return false
			}
		}
		return len(servers.Servers) == allowed
	})
}
