package cloud_test

import (
	"testing"

	"nacre/internal/cloudtest"
)

// A cloud that is called ready takes servers at once.
func TestReadyCloudKnowsItsHosts(t *testing.T) {
	const hosts = 40
	c := cloudtest.Start(t, hosts)
	var got struct{ Hypervisors []struct{ State string } }
	c.As(cloudtest.Admin).Compute("2.1").Get("/os-hypervisors").Want(200).Into(&got)
	up := 0
	for _, h := range got.Hypervisors {
		if h.State == "up" {
			up++
		}
	}
	if up != hosts {
		t.Errorf("%d hosts are up, want %d", up, hosts)
	}
}
