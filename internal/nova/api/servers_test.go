package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloudtest"
)

// estate is what a tenant has before servers.
type estate struct {
	*cloudtest.Cloud
	t                        *testing.T
	image, net, port, subnet string
}

func newEstate(t *testing.T) *estate {
	c := cloudtest.Start(t, 2)
	c.People()
	e := &estate{Cloud: c, t: t}
	member := c.As(cloudtest.Member)
	var img struct{ ID string }
	c.As(cloudtest.Admin).Image().Post("/images", map[string]any{"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public"}).Want(201).Into(&img)
	e.image = img.ID
	e.upload(img.ID)
	var net struct{ Network struct{ ID string } }
	member.Network().Post("/networks", `{"network": {"name": "net1"}}`).Want(201).Into(&net)
	e.net = net.Network.ID
	var sub struct{ Subnet struct{ ID string } }
	member.Network().Post("/subnets", fmt.Sprintf(`{"subnet": {"network_id": %q, "ip_version": 4, "cidr": "10.9.0.0/24"}}`, e.net)).Want(201).Into(&sub)
	e.subnet = sub.Subnet.ID
	var port struct{ Port struct{ ID string } }
	member.Network().Post("/ports", fmt.Sprintf(`{"port": {"network_id": %q}}`, e.net)).Want(201).Into(&port)
	e.port = port.Port.ID
	c.As(cloudtest.Admin).Compute("2.93").Post("/flavors", `{"flavor": {"id": "t", "name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}}`).Want(200)
	return e
}

func (e *estate) upload(id string) {
	e.t.Helper()
	req, err := http.NewRequest("PUT", e.Env.URL(9292)+"/v2/images/"+id+"/file", strings.NewReader(strings.Repeat("x", 1<<16)))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("X-Auth-Token", e.Token(cloudtest.Admin))
	res, err := e.Env.Transport.RoundTrip(req)
	if err != nil || res.StatusCode != 204 {
		e.t.Fatal("upload", err, res)
	}
	res.Body.Close()
}

type serverDoc struct {
	Server struct {
		ID        string
		Status    string
		HostID    string `json:"hostId"`
		Addresses map[string][]struct {
			Addr string
			Type string `json:"OS-EXT-IPS:type"`
		}
		Fault  struct{ Message string }
		Groups []struct{ Name string } `json:"security_groups"`
	}
}

// create makes a server of these fields and waits until it is built or has failed.
func (e *estate) create(fields string) (s serverDoc) {
	e.t.Helper()
	body := fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, %s}}`, e.image, fields)
	e.As(cloudtest.Member).Compute("2.93").Post("/servers", body).Want(202, "adminPass").Into(&s)
	id := s.Server.ID
	cloudtest.Until(e.t, "server is built", time.Minute, func() bool {
		s = serverDoc{}
		e.As(cloudtest.Member).Compute("2.93").Get("/servers/" + id).Want(200).Into(&s)
		return s.Server.Status != "BUILD"
	})
	return s
}

func TestServersOnTheWholeCloud(t *testing.T) {
	e := newEstate(t)
	member := e.As(cloudtest.Member).Compute("2.93")
	e.As(cloudtest.Member).Network().Post("/security-groups", `{"security_group": {"name": "open"}}`).Want(201)

	s := e.create(fmt.Sprintf(`"networks": [{"uuid": %q, "fixed_ip": "10.9.0.77"}], "security_groups": [{"name": "open"}]`, e.net))
	if a := s.Server.Addresses["net1"]; s.Server.Status != "ACTIVE" || len(a) != 1 || a[0].Addr != "10.9.0.77" || len(s.Server.Groups) != 1 || s.Server.Groups[0].Name != "open" {
		t.Fatalf("%+v", s)
	}
	id := s.Server.ID
	member.Get("/servers/"+id+"/os-security-groups").Want(200, `"open"`)
	member.Post("/servers/"+id+"/action", `{"addSecurityGroup": {"name": "default"}}`).Want(202)
	member.Post("/servers/"+id+"/action", `{"removeSecurityGroup": {"name": "open"}}`).Want(202)
	member.Post("/servers/"+id+"/action", `{"addSecurityGroup": {"name": "nosuch"}}`).Want(404, "Security group nosuch is not found for project")
	member.Get("/servers/"+id).Want(200, `"default"`)
	var ports struct {
		Ports []struct {
			ID     string
			Host   string `json:"binding:host_id"`
			Owner  string `json:"device_owner"`
			Status string
		}
	}
	e.As(cloudtest.Admin).Network().Get("/ports?device_id=" + id).Want(200).Into(&ports)
	if len(ports.Ports) != 1 || ports.Ports[0].Owner != "compute:nova" || ports.Ports[0].Host == "" {
		t.Fatalf("ports are %+v", ports)
	}
	var claims struct {
		Allocations map[string]struct{ Resources map[string]int }
	}
	e.As(cloudtest.Admin).Placement("1.39").Get("/allocations/" + id).Want(200).Into(&claims)
	for _, a := range claims.Allocations {
		if a.Resources["VCPU"] != 1 || a.Resources["MEMORY_MB"] != 64 || a.Resources["DISK_GB"] != 1 {
			t.Errorf("claims are %+v", claims)
		}
	}
	if len(claims.Allocations) != 1 {
		t.Errorf("claims are %+v", claims)
	}

	own := e.create(fmt.Sprintf(`"networks": [{"port": %q}]`, e.port))
	if own.Server.Status != "ACTIVE" {
		t.Fatalf("%+v", own)
	}
	member.Post("/servers", fmt.Sprintf(`{"server": {"name": "x", "flavorRef": "t", "imageRef": %q, "networks": [{"port": %q}]}}`, e.image, e.port)).
		Want(409, "Port "+e.port+" is still in use.")
	bad := e.create(fmt.Sprintf(`"networks": [{"uuid": %q, "fixed_ip": "1.2.3.4"}]`, e.net))
	if bad.Server.Status != "ERROR" || !strings.Contains(bad.Server.Fault.Message, "Fixed IP 1.2.3.4 is not a valid ip address for network") {
		t.Errorf("%+v", bad)
	}
	auto := e.create(`"networks": "auto"`)
	if auto.Server.Status != "ACTIVE" || len(auto.Server.Addresses["net1"]) != 1 {
		t.Errorf("%+v", auto)
	}

	for _, gone := range []string{id, own.Server.ID, bad.Server.ID, auto.Server.ID} {
		member.Delete("/servers/" + gone).Want(204)
		cloudtest.Until(t, "server is gone", time.Minute, func() bool { return member.Get("/servers/"+gone).Status == 404 })
		e.As(cloudtest.Admin).Placement("1.39").Get("/allocations/" + gone).Want(200).Into(&claims)
		if strings.Contains(string(e.As(cloudtest.Admin).Placement("1.39").Get("/allocations/"+gone).Body), "VCPU") {
			t.Errorf("claims are left of %s", gone)
		}
	}
	e.As(cloudtest.Admin).Network().Get("/ports?network_id=" + e.net).Want(200).Into(&ports)
	for _, p := range ports.Ports {
		if strings.HasPrefix(p.Owner, "compute:") {
			t.Errorf("port is left: %+v", p)
		}
	}
	e.As(cloudtest.Member).Network().Get("/ports/"+e.port).Want(200, `"device_id":""`)
}

// Refusals that need what other services know, in the original's words.
func TestCreateServerRefusals(t *testing.T) {
	e := newEstate(t)
	e.As(cloudtest.Member).Network().Post("/networks", `{"network": {"name": "bare"}}`).Want(201)
	const none = "00000000-0000-0000-0000-000000000000"
	for name, tc := range map[string]struct {
		as     cloudtest.Persona
		fields string
		status int
		want   string
	}{
		"reader":           {cloudtest.Reader, `"networks": "none"`, 403, "Policy doesn't allow os_compute_api:servers:create to be performed."},
		"other's network":  {cloudtest.OtherProject, fmt.Sprintf(`"networks": [{"uuid": %q}]`, e.net), 400, "Network " + e.net + " could not be found."},
		"no such port":     {cloudtest.Member, fmt.Sprintf(`"networks": [{"port": %q}]`, none), 400, "Port id " + none + " could not be found."},
		"several networks": {cloudtest.Member, `"networks": "auto"`, 409, "Multiple possible networks found, use a Network ID to be more specific."},
		"no such group":    {cloudtest.Member, fmt.Sprintf(`"networks": [{"uuid": %q}], "security_groups": [{"name": "nosuch"}]`, e.net), 400, "Unable to find security_group with name or id 'nosuch'"},
		"forced host":      {cloudtest.Member, `"networks": "none", "availability_zone": "nova:h"`, 403, "os_compute_api:servers:create:forced_host"},
		"zone":             {cloudtest.Member, `"networks": "none", "availability_zone": "mars"`, 400, "The requested availability zone is not available"},
		"volume":           {cloudtest.Member, `"networks": "none", "block_device_mapping_v2": [{"uuid": "` + none + `", "source_type": "volume", "destination_type": "volume", "boot_index": 0}]`, 400, "Volume " + none + " could not be found."},
		"certificates":     {cloudtest.Member, `"networks": "none", "trusted_image_certificates": ["c"]`, 400, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"server": {"name": "x", "flavorRef": "t", "imageRef": %q, %s}}`, e.image, tc.fields)
			got := e.As(tc.as).Compute("2.93").Post("/servers", body)
			if got.Status != tc.status || !strings.Contains(string(got.Body), tc.want) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}
