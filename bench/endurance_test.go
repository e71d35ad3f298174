package bench

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkEndurance uses a cloud steadily for as long as NACRE_ENDURANCE says
// ("10m"; "yes" is an hour) and tells memory and goroutines before and after.
func BenchmarkEndurance(b *testing.B) {
	asked := os.Getenv("NACRE_ENDURANCE")
	if asked == "" {
		b.Skip("NACRE_ENDURANCE is not set")
	}
	limit := time.Hour
	if asked != "yes" {
		var err error
		if limit, err = time.ParseDuration(asked); err != nil {
			b.Fatalf("NACRE_ENDURANCE: %v", err)
		}
	}
	c := StartCloud(b, 2, "--no-defaults")
	quotas(c, -1)
	net, flavor, img := wideNetwork(c), flavorOf(c), imageOf(c)
	var calls atomic.Int64
	work := func(limit time.Duration) { steadily(c, limit, &calls, net, flavor, img) }
	work(min(limit, time.Minute))
	pss, goroutines := c.rest(), c.goroutines()
	b.Logf("after the first minute: PSS %.1f MiB, %d goroutines", pss, goroutines)
	b.ResetTimer()
	for range b.N {
		for until := time.Now().Add(limit); time.Now().Before(until); {
			work(min(10*time.Minute, time.Until(until)))
			b.Logf("%d calls, PSS %.1f MiB, %d goroutines", calls.Load(), float64(c.PSS())/(1<<20), c.goroutines())
		}
	}
	b.StopTimer()
	b.ReportMetric(pss, "before-PSS-MiB")
	b.ReportMetric(c.rest(), "after-PSS-MiB")
	b.ReportMetric(float64(goroutines), "before-goroutines")
	b.ReportMetric(float64(c.goroutines()), "after-goroutines")
	b.ReportMetric(float64(calls.Load()), "calls")
}

// steadily lists, logs in, and makes and deletes networks and servers, until limit.
func steadily(c *Cloud, limit time.Duration, calls *atomic.Int64, net, flavor, img string) {
	must := func(method string, port int, path string, body, v any) {
		c.Must(method, port, path, body, v)
		calls.Add(1)
	}
	round := 0
	for until := time.Now().Add(limit); time.Now().Before(until); round++ {
		for _, at := range []struct {
			port int
			path string
		}{{compute, "/v2.1/servers/detail"}, {compute, "/v2.1/flavors/detail"}, {compute, "/v2.1/limits"}, {network, "/v2.0/networks"},
			{network, "/v2.0/ports"}, {network, "/v2.0/security-groups"}, {image, "/v2/images"}, {identity, "/v3/projects"},
			{identity, "/v3/auth/catalog"}, {placement, "/resource_providers"}} {
			must("GET", at.port, at.path, nil, nil)
		}
		var made struct{ Network struct{ ID string } }
		must("POST", network, "/v2.0/networks", `{"network": {"name": "n"}}`, &made)
		must("DELETE", network, "/v2.0/networks/"+made.Network.ID, nil, nil)
		if round%5 == 0 {
			if err := c.login(); err != nil {
				c.tb.Fatal(err)
			}
			bootAndDelete(c, must, net, flavor, img)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func bootAndDelete(c *Cloud, must func(method string, port int, path string, body, v any), net, flavor, img string) {
	var made struct{ Server struct{ ID, Status string } }
	must("POST", compute, "/v2.1/servers", map[string]any{"server": map[string]any{"name": "s", "flavorRef": flavor, "imageRef": img,
		"networks": []map[string]string{{"uuid": net}}}}, &made)
	at := "/v2.1/servers/" + made.Server.ID
	for deadline := time.Now().Add(time.Minute); made.Server.Status != "ACTIVE"; time.Sleep(20 * time.Millisecond) {
		if must("GET", compute, at, nil, &made); made.Server.Status == "ERROR" || time.Now().After(deadline) {
			c.tb.Fatalf("server %s is %s", made.Server.ID, made.Server.Status)
		}
	}
	must("DELETE", compute, at, nil, nil)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if status, _ := c.Do("GET", compute, at, nil); status == http.StatusNotFound {
			return
		}
		if time.Now().After(deadline) {
			c.tb.Fatalf("server %s is still there", made.Server.ID)
		}
	}
}

// rest is the memory in MiB, over a minute, once the cloud has had time to give
// back what it does not need: connections that idle for a minute are closed by
// the next, and each minute pages of the program are given back.
func (c *Cloud) rest() (mib float64) {
	time.Sleep(150 * time.Second)
	const samples = 6
	for range samples {
		mib += float64(c.PSS()) / (1 << 20) / samples
		time.Sleep(time.Minute / samples)
	}
	return mib
}

// goroutines asks the cloud's metrics.
func (c *Cloud) goroutines() (n int) {
	res, err := c.client.Get(c.url(ops, "/metrics"))
	if err != nil {
		c.tb.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			if _, err := fmt.Sscan(value, &n); err != nil {
				c.tb.Fatal(err)
			}
		}
	}
	return n
}
