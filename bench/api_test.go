package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func BenchmarkIdentity(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	c.EachClients(b, "token-validate", func() int {
		status, _ := c.Do("HEAD", identity, "/v3/auth/tokens", nil, "X-Subject-Token: "+c.token)
		return status
	})
	c.EachClients(b, "token-show", func() int {
		status, _ := c.Do("GET", identity, "/v3/auth/tokens", nil, "X-Subject-Token: "+c.token)
		return status
	})
}

func BenchmarkLists(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	c.EachClients(b, "servers-detail/rows=0", c.get(compute, "/v2.1/servers/detail"))
	c.EachClients(b, "networks", c.get(network, "/v2.0/networks"))
	c.EachClients(b, "images", c.get(image, "/v2/images"))
	c.EachClients(b, "limits", c.get(compute, "/v2.1/limits"))
	c.EachClients(b, "allocation-candidates", c.get(placement, "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64"))
	quotas(c, -1)
	servers(c, 200)
	c.EachClients(b, "servers-detail/rows=200", c.get(compute, "/v2.1/servers/detail"))
}

func BenchmarkNetworkCreateDelete(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	c.EachClients(b, "network", func() int {
		var made struct{ Network struct{ ID string } }
		c.Must("POST", network, "/v2.0/networks", `{"network": {"name": "n"}}`, &made)
		status, _ := c.Do("DELETE", network, "/v2.0/networks/"+made.Network.ID, nil)
		return status
	})
}

func BenchmarkPortCreate(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	quotas(c, -1)
	net := wideNetwork(c)
	for _, have := range []int{0, 10000} {
		fill(c, "ports", have, map[string]any{"network_id": net})
		c.EachClients(b, fmt.Sprintf("ports=%d", have), func() int {
			status, _ := c.Do("POST", network, "/v2.0/ports", map[string]any{"port": map[string]any{"network_id": net}})
			return status
		})
	}
}

// BenchmarkServersAtOnce creates servers on the fake driver, each with a port,
// and waits until all are ACTIVE.
func BenchmarkServersAtOnce(b *testing.B) {
	for _, n := range []int{1, 20, 50, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := StartCloud(b, 10, "--no-defaults")
			quotas(c, -1)
			net, flavor, img := wideNetwork(c), flavorOf(c), imageOf(c)
			b.ResetTimer()
			cpu, began := c.CPU(), time.Now()
			for range b.N {
				boot(c, n, net, flavor, img)
			}
			b.StopTimer()
			total := float64(n * b.N)
			b.ReportMetric(float64((c.CPU()-cpu).Milliseconds())/total, "cpu-ms/server")
			b.ReportMetric(total/time.Since(began).Minutes(), "servers/min")
		})
	}
}

// BenchmarkStart measures a start on existing state: until identity answers,
// and until the first token, most of which is the hash of its password; and how
// long the cloud takes to stop.
func BenchmarkStart(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	c.Stop()
	c.Start() // once compares the administrator's password with its hash, and notes it
	const starts = 5
	var began Started
	var stopping time.Duration
	for range b.N * starts {
		told := time.Now()
		c.Stop()
		stopping += time.Since(told)
		s := c.Start()
		began.Answer, began.Token = began.Answer+s.Answer, began.Token+s.Token
		began.AnswerCPU, began.TokenCPU = began.AnswerCPU+s.AnswerCPU, began.TokenCPU+s.TokenCPU
	}
	for unit, d := range map[string]time.Duration{"answer-ms": began.Answer, "answer-cpu-ms": began.AnswerCPU,
		"token-ms": began.Token, "token-cpu-ms": began.TokenCPU, "stop-ms": stopping} {
		b.ReportMetric(ms(d)/float64(b.N*starts), unit)
	}
}

// BenchmarkMemory tells the idle cloud's memory at first and after use.
func BenchmarkMemory(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	time.Sleep(5 * time.Second) // what the start allocated is given back
	b.ReportMetric(float64(c.PSS())/(1<<20), "idle-PSS-MiB")
	quotas(c, -1)
	servers(c, 100)
	for range 2000 {
		c.Must("GET", compute, "/v2.1/servers/detail?limit=20", nil, nil)
	}
	time.Sleep(70 * time.Second) // memory is given back every minute
	b.ReportMetric(float64(c.PSS())/(1<<20), "used-PSS-MiB")
	for range b.N {
	}
}

func quotas(c *Cloud, n int) {
	var who struct {
		Token struct{ Project struct{ ID string } }
	}
	c.Must("GET", identity, "/v3/auth/projects", nil, nil)
	var projects struct{ Projects []struct{ ID, Name string } }
	c.Must("GET", identity, "/v3/projects?name=admin", nil, &projects)
	who.Token.Project.ID = projects.Projects[0].ID
	set := map[string]int{}
	for _, k := range []string{"instances", "cores", "ram"} {
		set[k] = n
	}
	c.Must("PUT", compute, "/v2.1/os-quota-sets/"+who.Token.Project.ID, map[string]any{"quota_set": set}, nil)
	set = map[string]int{}
	for _, k := range []string{"network", "subnet", "port"} {
		set[k] = n
	}
	c.Must("PUT", network, "/v2.0/quotas/"+who.Token.Project.ID, map[string]any{"quota": set}, nil)
}

func wideNetwork(c *Cloud) string {
	var net struct{ Network struct{ ID string } }
	c.Must("POST", network, "/v2.0/networks", `{"network": {"name": "wide"}}`, &net)
	c.Must("POST", network, "/v2.0/subnets", map[string]any{"subnet": map[string]any{"network_id": net.Network.ID, "ip_version": 4, "cidr": "10.0.0.0/12"}}, nil)
	return net.Network.ID
}

func flavorOf(c *Cloud) string {
	var f struct{ Flavor struct{ ID string } }
	c.Must("POST", compute, "/v2.1/flavors", `{"flavor": {"name": "bench", "ram": 1, "vcpus": 1, "disk": 0}}`, &f)
	return f.Flavor.ID
}

func imageOf(c *Cloud) string {
	var img struct{ ID string }
	c.Must("POST", image, "/v2/images", `{"name": "bench", "disk_format": "raw", "container_format": "bare"}`, &img)
	c.Must("PUT", image, "/v2/images/"+img.ID+"/file", "not really a disk", nil)
	return img.ID
}

func servers(c *Cloud, n int) { boot(c, n, wideNetwork(c), flavorOf(c), imageOf(c)) }

// boot creates n servers at once and waits until none is building; an ERROR ends the benchmark.
func boot(c *Cloud, n int, net, flavor, img string) {
	var wg sync.WaitGroup
	gate := make(chan struct{}, 50)
	for i := range n {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			status, text := c.Do("POST", compute, "/v2.1/servers", map[string]any{"server": map[string]any{"name": fmt.Sprint("s", i), "flavorRef": flavor,
				"imageRef": img, "networks": []map[string]string{{"uuid": net}}}})
			if status != 202 {
				c.tb.Errorf("create: %d %s", status, text)
			}
		})
	}
	wg.Wait()
	some := func(status string) bool {
		var list struct{ Servers []struct{ ID string } }
		c.Must("GET", compute, "/v2.1/servers?limit=1&status="+status, nil, &list)
		return len(list.Servers) > 0
	}
	for deadline := time.Now().Add(5 * time.Minute); some("BUILD"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.tb.Fatal("servers are still building after 5 minutes")
		}
	}
	if some("ERROR") {
		c.tb.Fatal("servers are in ERROR")
	}
}
