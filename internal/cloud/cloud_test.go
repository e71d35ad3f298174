package cloud_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/messaging/messagingtest"
)

// TestServer boots and deletes a server through all services, on every kind of
// surroundings that a cloud can have.
func TestServer(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, c *cloud.Config){
		"embedded": func(*testing.T, *cloud.Config) {},
		"sockets":  func(_ *testing.T, c *cloud.Config) { c.Sockets = true },
		"PostgreSQL and RabbitMQ": func(t *testing.T, c *cloud.Config) {
			c.Bus = messagingtest.RabbitMQ(t)
			databases(c, func() string { return dbtest.Postgres(t) })
		},
		"MariaDB": func(t *testing.T, c *cloud.Config) { databases(c, func() string { return dbtest.MariaDB(t) }) },
	} {
		t.Run(name, func(t *testing.T) {
			c := cloudtest.Start(t, 2, func(cfg *cloud.Config) { change(t, cfg) })
			c.People()
			net, flavor, img := surroundings(c)
			var made struct{ Server struct{ ID string } }
			c.As(cloudtest.Member).Compute("2.93").Post("/servers", serverBody("one", net, flavor, img)).Want(202).Into(&made)
			await(t, c, made.Server.ID, "ACTIVE")
			cloudtest.Until(t, "its port is ACTIVE", time.Minute, func() bool {
				var ports struct{ Ports []struct{ Status string } }
				c.As(cloudtest.Member).Network().Get("/ports?device_id=" + made.Server.ID).Want(200).Into(&ports)
				return len(ports.Ports) == 1 && ports.Ports[0].Status == "ACTIVE"
			})
			c.As(cloudtest.OtherProject).Compute("2.93").Get("/servers/"+made.Server.ID).Want(404, "could not be found")
			c.As(cloudtest.Member).Compute("2.93").Delete("/servers/" + made.Server.ID).Want(204)
			cloudtest.Until(t, "the server is gone", time.Minute, func() bool {
				return c.As(cloudtest.Member).Compute("2.93").Get("/servers/"+made.Server.ID).Status == 404
			})
			c.As(cloudtest.Admin).Placement("1.39").Get("/allocations/"+made.Server.ID).Want(200, `"allocations":{}`)
			c.As(cloudtest.Member).Network().Get("/ports?device_id="+made.Server.ID).Want(200, `"ports":[]`)
		})
	}
}

// databases gives every service an empty database of its own.
func databases(c *cloud.Config, fresh func() string) {
	c.Databases = map[string]string{}
	for _, e := range cloud.Catalogue {
		c.Databases[e.Name] = fresh()
	}
}

// surroundings makes what a server of the member needs.
func surroundings(c *cloudtest.Cloud) (net, flavor, img string) {
	var n struct{ Network struct{ ID string } }
	c.As(cloudtest.Member).Network().Post("/networks", `{"network": {"name": "n"}}`).Want(201).Into(&n)
	c.As(cloudtest.Member).Network().Post("/subnets", map[string]any{"subnet": map[string]any{"network_id": n.Network.ID, "ip_version": 4, "cidr": "10.9.0.0/24"}}).Want(201)
	var f struct{ Flavor struct{ ID string } }
	c.As(cloudtest.Admin).Compute("2.93").Post("/flavors", `{"flavor": {"name": "small", "ram": 64, "vcpus": 1, "disk": 1}}`).Want(200).Into(&f)
	var i struct{ ID string }
	c.As(cloudtest.Member).Image().Post("/images", `{"name": "i", "disk_format": "raw", "container_format": "bare"}`).Want(201).Into(&i)
	upload(c, i.ID)
	return n.Network.ID, f.Flavor.ID, i.ID
}

func upload(c *cloudtest.Cloud, id string) {
	c.As(cloudtest.Member).Image().Upload("/images/"+id+"/file", "the bytes of a disk").Want(204)
}

func serverBody(name, net, flavor, img string) map[string]any {
	return map[string]any{"server": map[string]any{"name": name, "flavorRef": flavor, "imageRef": img, "networks": []map[string]string{{"uuid": net}}}}
}

// await waits until a server of the member has a status.
func await(t *testing.T, c *cloudtest.Cloud, id, status string) {
	t.Helper()
	var last struct {
		Server struct {
			Status string
			Fault  map[string]any
		}
	}
	cloudtest.Until(t, "server "+id+" is "+status, time.Minute, func() bool {
		c.As(cloudtest.Member).Compute("2.93").Get("/servers/" + id).Want(200).Into(&last)
		if last.Server.Status == "ERROR" && status != "ERROR" {
			t.Fatalf("ERROR: %v", last.Server.Fault)
		}
		return last.Server.Status == status
	})
}

// TestQuotaRace has 50 creates race for a quota of 10 instances.
func TestQuotaRace(t *testing.T) {
	c := cloudtest.Start(t, 5)
	c.People()
	net, flavor, img := surroundings(c)
	c.As(cloudtest.Admin).Compute("2.93").Put("/os-quota-sets/"+c.IDs["one"], `{"quota_set": {"instances": 10}}`).Want(200)
	statuses := make(chan int, 50)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			statuses <- c.As(cloudtest.Member).Compute("2.93").Post("/servers", serverBody(fmt.Sprint("s", i), net, flavor, img)).Status
		})
	}
	wg.Wait()
	close(statuses)
	count := map[int]int{}
	for s := range statuses {
		count[s]++
	}
	if count[202] != 10 || count[403] != 40 {
		t.Errorf("answers %v, want 10 of 202 and 40 of 403", count)
	}
	c.As(cloudtest.Member).Compute("2.93").Get("/limits").Want(200, `"totalInstancesUsed":10`)
}
