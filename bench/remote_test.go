package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// BenchmarkRemoteIdentity calls Placement in a process of its own, which asks
// Keystone in another by HTTP what each token stands for, or believes what it
// was told for five minutes. CPU time is Placement's; Keystone's stands beside.
func BenchmarkRemoteIdentity(b *testing.B) {
	keystone := StartCloud(b, 1, "--no-defaults")
	for _, keep := range []string{"0s", "5m"} {
		c := startPlacement(b, keystone, keep)
		list := c.get(placement, "/resource_providers?name=nobody")
		list() // logs in
		c.EachClients(b, "cache="+keep, list)
		c.Stop()
	}
}

// startPlacement runs placement-api alone beside a cloud whose Keystone it asks.
func startPlacement(b *testing.B, keystone *Cloud, keep string) *Cloud {
	c := &Cloud{tb: b, Dir: b.TempDir(), offset: keystone.offset + 30, token: keystone.token, asks: keystone,
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}}
	file := filepath.Join(c.Dir, "nacre.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "keystone_authtoken: {auth_url: %q, username: admin, password: %q, project_name: admin, token_cache_time: %s}\n",
		keystone.url(identity, "/v3"), password, keep), 0o600); err != nil {
		b.Fatal(err)
	}
	c.args = []string{"run", "--config", file, "--state-dir", c.Dir, "--port-offset", strconv.Itoa(c.offset), "placement-api"}
	c.launch()
	b.Cleanup(c.Stop)
	c.await(placement)
	return c
}
