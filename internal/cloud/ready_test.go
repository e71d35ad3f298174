package cloud_test

import (
	"strings"
	"testing"
	"time"

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

// pieces keeps what is written apart.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

// TestSummaryComesAtOnce: who waits for "The cloud is up" can read on.
func TestSummaryComesAtOnce(t *testing.T) {
	c := cloudtest.Start(t, 1)
	var said pieces
	c.Summary(&said, time.Second)
	if len(said) != 1 || !strings.Contains(said[0], "The cloud is up") || !strings.Contains(said[0], "Ctrl-C stops the cloud") {
		t.Errorf("%d pieces: %q", len(said), said)
	}
}
