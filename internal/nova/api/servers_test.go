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

// TestSchedulerHints honours the hints that there is a check for, refuses what
// names nothing, and takes all others as the original does.
func TestSchedulerHints(t *testing.T) {
	e := newEstate(t)
	const none = "00000000-0000-0000-0000-000000000000"
	post := func(hints string) cloudtest.Answer {
		return e.As(cloudtest.Member).Compute("2.93").Post("/servers", fmt.Sprintf(`{"server": {"name": "x", "flavorRef": "t", "imageRef": %q, "networks": "none"},
			"os:scheduler_hints": %s}`, e.image, hints))
	}
	hosts := func(hints string) string {
		var s serverDoc
		post(hints).Want(202).Into(&s)
		id := s.Server.ID
		cloudtest.Until(t, "server is built", time.Minute, func() bool {
			s = serverDoc{}
			e.As(cloudtest.Member).Compute("2.93").Get("/servers/" + id).Want(200).Into(&s)
			return s.Server.Status != "BUILD"
		})
		if s.Server.Status != "ACTIVE" {
			return s.Server.Status
		}
		return s.Server.HostID
	}
	e.As(cloudtest.Admin).Compute("2.93").Put("/os-quota-sets/"+e.IDs["one"], `{"quota_set": {"instances": -1}}`).Want(200)
	first := e.create(`"networks": "none"`)
	for _, key := range []string{fmt.Sprintf("%q", first.Server.ID), fmt.Sprintf("[%q]", first.Server.ID)} {
		if at := hosts(`{"same_host": ` + key + `}`); at != first.Server.HostID {
			t.Errorf("same_host %s: %s, not %s", key, at, first.Server.HostID)
		}
		if at := hosts(`{"different_host": ` + key + `}`); at == first.Server.HostID || at == "ERROR" {
			t.Errorf("different_host %s: %s", key, at)
		}
	}
	if at := hosts(`{"same_host": "` + none + `"}`); at != "ERROR" {
		t.Errorf("the same host as no server: %s", at)
	}
	for _, ignored := range []string{`{"query": ["=", "$free_ram_mb", 1]}`, `{"query": "[]"}`, `{"build_near_host_ip": "192.0.2.1", "cidr": "/24"}`,
		`{"different_cell": "c"}`, `{"target_cell": "c"}`, `{"nobody_knows": {"it": 1}}`} {
		answer := post(ignored)
		if strings.Contains(ignored, `"query": [`) {
			answer.Want(400, "Invalid input for field/attribute query") // a list is no type of it
			continue
		}
		answer.Want(202)
	}
	for hints, want := range map[string]string{
		`{"group": "` + none + `"}`:         "Instance group " + none + " could not be found.",
		`{"group": ["` + none + `"]}`:       "Instance group " + none + " could not be found.",
		`{"group": "x"}`:                    "Invalid input for field/attribute group",
		`{"different_host": "x"}`:           "Invalid input for field/attribute different_host",
		`{"same_host": ["x"]}`:              "Invalid input for field/attribute 0",
		`{"build_near_host_ip": "nowhere"}`: "Invalid input for field/attribute build_near_host_ip",
		`{"cidr": "24"}`:                    "Invalid input for field/attribute cidr",
		`[]`:                                "is not of type 'object'",
	} {
		post(hints).Want(400, want)
	}
}

// TestEveryFieldCounts creates with every field that a member may send, and
// finds each of them again.
func TestEveryFieldCounts(t *testing.T) {
	e := newEstate(t)
	member := e.As(cloudtest.Member)
	member.Compute("2.93").Post("/os-keypairs", `{"keypair": {"name": "k", "type": "ssh", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4Si7oXfiYrz8zxPjXuJRRR8JmL9qzZBQkVsSnKXo3w me"}}`).Want(201)
	member.Network().Post("/security-groups", `{"security_group": {"name": "open"}}`).Want(201)
	var made struct {
		ReservationID string `json:"reservation_id"`
	}
	member.Compute("2.93").Post("/servers", fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, "networks": [{"uuid": %q, "tag": "nic"}],
		"key_name": "k", "security_groups": [{"name": "open"}], "user_data": "aGVsbG8=", "config_drive": true, "metadata": {"a": "b"}, "min_count": 1, "max_count": 2,
		"availability_zone": "nova", "adminPass": "of my own", "accessIPv4": "192.0.2.7", "accessIPv6": "2001:db8::7", "OS-DCF:diskConfig": "AUTO",
		"return_reservation_id": true, "description": "d", "tags": ["t"]}}`, e.image, e.net)).Want(202).Into(&made)
	var list struct {
		Servers []struct{ ID, Status string }
	}
	cloudtest.Until(t, "both are built", time.Minute, func() bool {
		member.Compute("2.93").Get("/servers/detail?reservation_id=" + made.ReservationID).Want(200).Into(&list)
		return len(list.Servers) == 2 && list.Servers[0].Status == "ACTIVE" && list.Servers[1].Status == "ACTIVE"
	})
	for _, s := range list.Servers {
		member.Compute("2.93").Get("/servers/"+s.ID).Want(200, `"name":"vm-`, `"key_name":"k"`, `"name":"open"`, `"config_drive":"True"`, `"metadata":{"a":"b"}`,
			`"OS-EXT-AZ:availability_zone":"nova"`, `"accessIPv4":"192.0.2.7"`, `"accessIPv6":"2001:db8::7"`, `"OS-DCF:diskConfig":"AUTO"`, `"description":"d"`, `"tags":["t"]`,
			`"original_name":"tiny"`, e.image)
		e.As(cloudtest.Admin).Compute("2.93").Get("/servers/"+s.ID).Want(200, `"OS-EXT-SRV-ATTR:user_data":"aGVsbG8="`, `"OS-EXT-SRV-ATTR:reservation_id":"`+made.ReservationID+`"`,
			`"OS-EXT-SRV-ATTR:hostname":"vm-`)
	}
	var named struct{ Server struct{ ID string } }
	member.Compute("2.90").Post("/servers", fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, "networks": "none", "hostname": "apart"}}`, e.image)).
		Want(202, `"adminPass"`).Into(&named)
	e.As(cloudtest.Admin).Compute("2.90").Get("/servers/"+named.Server.ID).Want(200, `"OS-EXT-SRV-ATTR:hostname":"apart"`)
	for version, fields := range map[string]string{
		"2.1":  `"nacre": 1`,
		"2.93": `"nacre": 1`,
		"2.36": `"networks": "auto"`,                              // since 2.37
		"2.18": `"description": "d"`,                              // since 2.19
		"2.51": `"tags": ["t"]`,                                   // since 2.52
		"2.73": `"host": "h"`,                                     // since 2.74
		"2.89": `"hostname": "h"`,                                 // since 2.90
		"2.57": `"personality": [{"path": "/p", "contents": ""}]`, // until 2.56
	} {
		body := fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, "networks": [{"uuid": %q}], %s}}`, e.image, e.net, fields)
		if strings.Contains(fields, "networks") {
			body = fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, %s}}`, e.image, fields)
		}
		if a := member.Compute(version).Post("/servers", body); a.Status != 400 {
			t.Errorf("%s takes %s: %d %s", version, fields, a.Status, a.Body)
		}
	}
}
