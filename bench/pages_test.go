package bench

import (
	"fmt"
	"testing"
)

// BenchmarkPages lists a page of 100 of 10,000 rows, and candidates of 1,000 providers.
func BenchmarkPages(b *testing.B) {
	const rows = 10000
	b.Run("images", func(b *testing.B) {
		c := StartCloud(b, 1, "--no-defaults")
		c.Each(b, rows, func(i int) {
			var made struct{ ID string }
			c.Must("POST", image, "/v2/images", fmt.Sprintf(`{"name": "i%d", "disk_format": "raw", "container_format": "bare", "tags": ["t%d"], "kind": "k%d"}`,
				i, i%1000, i%100), &made)
			c.Must("PUT", image, "/v2/images/"+made.ID+"/file", "x", nil)
		})
		c.pages(b, image, "/v2/images", "images")
		for name, filter := range map[string]string{"one-name": "name=i5000", "ten-of-a-tag": "tag=t7", "hundred-of-a-property": "kind=k7",
			"by-name": "status=active&sort=name:asc", "none": "visibility=public"} {
			c.EachClients(b, name, c.get(image, "/v2/images?limit=100&"+filter))
		}
	})
	b.Run("networks", func(b *testing.B) {
		c := StartCloud(b, 1, "--no-defaults")
		quotas(c, -1)
		fill(c, "networks", rows, map[string]any{"name": "n"})
		c.pages(b, network, "/v2.0/networks", "networks")
	})
	b.Run("ports", func(b *testing.B) {
		c := StartCloud(b, 1, "--no-defaults")
		quotas(c, -1)
		fill(c, "ports", rows, map[string]any{"network_id": wideNetwork(c)})
		c.pages(b, network, "/v2.0/ports", "ports")
	})
	b.Run("candidates/providers=1000", func(b *testing.B) {
		c := StartCloud(b, 1, "--no-defaults")
		c.Each(b, 1000, func(i int) {
			var p struct{ UUID string }
			c.Must("POST", placement, "/resource_providers", fmt.Sprintf(`{"name": "p%d"}`, i), &p)
			c.Must("PUT", placement, "/resource_providers/"+p.UUID+"/inventories", `{"resource_provider_generation": 0, "inventories":
				{"VCPU": {"total": 64}, "MEMORY_MB": {"total": 65536}, "DISK_GB": {"total": 1000}}}`, nil)
		})
		c.EachClients(b, "all", c.get(placement, "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1"))
		c.EachClients(b, "limit=100", c.get(placement, "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=100"))
	})
}

// fill makes many networks or ports, some at a time.
func fill(c *Cloud, collection string, rows int, body map[string]any) {
	const batch = 200
	for range rows / batch {
		list := make([]map[string]any, batch)
		for i := range list {
			list[i] = body
		}
		c.Must("POST", network, "/v2.0/"+collection, map[string]any{collection: list}, nil)
	}
}

// pages measures the first page of a list, and one in its middle.
func (c *Cloud) pages(b *testing.B, port int, path, collection string) {
	var list map[string]any
	c.Must("GET", port, path+"?limit=1000", nil, &list)
	rows := list[collection].([]any)
	marker := rows[len(rows)-1].(map[string]any)["id"].(string)
	c.EachClients(b, "first", c.get(port, path+"?limit=100"))
	c.EachClients(b, "after=1000", c.get(port, path+"?limit=100&marker="+marker))
}
