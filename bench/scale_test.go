package bench

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// BenchmarkScale creates NACRE_SCALE_SERVERS servers (10000) through the API
// on NACRE_SCALE_HOSTS fake hosts (1000), once, and wants none in ERROR. It
// takes minutes and runs only when one of the two is set.
func BenchmarkScale(b *testing.B) {
	if os.Getenv("NACRE_SCALE_HOSTS") == "" && os.Getenv("NACRE_SCALE_SERVERS") == "" {
		b.Skip("NACRE_SCALE_HOSTS and NACRE_SCALE_SERVERS are not set")
	}
	hosts, n := number(b, "NACRE_SCALE_HOSTS", 1000), number(b, "NACRE_SCALE_SERVERS", 10000)
	c := StartCloud(b, hosts, "--no-defaults")
	quotas(c, -1)
	net, flavor, img := wideNetwork(c), flavorOf(c), imageOf(c)
	c.awaitHosts(hosts)
	made := createAll(b, c, n, net, flavor, img)
	b.Run("create", func(b *testing.B) {
		for unit, v := range made {
			b.ReportMetric(v, unit)
		}
		for range b.N {
		}
	})
	b.Run("servers", func(b *testing.B) { c.pages(b, compute, "/v2.1/servers", "servers") })
	b.Run("servers-detail", func(b *testing.B) { c.pages(b, compute, "/v2.1/servers/detail", "servers") })
}

// createAll creates the servers some at a time and tells what it took.
func createAll(b *testing.B, c *Cloud, n int, net, flavor, img string) map[string]float64 {
	const batch = 500
	cpu, began := c.CPU(), time.Now()
	for left := n; left > 0; left -= batch {
		boot(c, min(batch, left), net, flavor, img)
		b.Logf("%d of %d servers after %s, PSS %d MiB", n-max(0, left-batch), n, time.Since(began).Round(time.Second), c.PSS()>>20)
	}
	return map[string]float64{"cpu-ms/server": ms(c.CPU()-cpu) / float64(n), "servers/min": float64(n) / time.Since(began).Minutes(),
		"PSS-MiB": float64(c.PSS()) / (1 << 20)}
}

// awaitHosts waits until that many compute services have reported.
func (c *Cloud) awaitHosts(n int) {
	for began := time.Now(); time.Since(began) < 5*time.Minute; time.Sleep(time.Second) {
		var list struct{ Services []struct{ State string } }
		c.Must("GET", compute, "/v2.1/os-services?binary=nova-compute", nil, &list)
		up := 0
		for _, s := range list.Services {
			if s.State == "up" {
				up++
			}
		}
		if up >= n {
			return
		}
	}
	c.tb.Fatalf("not all of %d hosts reported within 5 minutes", n)
}

func number(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}
