//go:build dropin

package test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/token"
	"nacre/test/host"
)

// TestDropIn puts our Keystone below OpenStack's own Glance, Placement and
// Nova, as Debian packages them: they know of it only what an operator writes
// into their files.
func TestDropIn(t *testing.T) {
	h := host.New(t)
	d := &dropIn{Host: h, keys: h.Dir + "/keystone/fernet-keys"}
	d.MariaDB("glance", "placement", "nova_api", "nova_cell0", "nova")
	d.AdminKeystone("bootstrap", "--bootstrap-password", "secret-of-the-test", "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", "http://127.0.0.1:5000/v3",
		"--bootstrap-internal-url", "http://127.0.0.1:5000/v3")
	d.RunOnly("keystone")
	d.accounts()
	d.glance()
	d.placement()
	d.nova()
	d.me, d.reader = d.Client("me", "mine", "one"), d.Client("looker", "sees", "one")

	d.Sub("the client's images", d.images)
	d.Sub("the client's servers and flavors", d.servers)
	d.Sub("roles", d.roles)
	d.Sub("a revoked token", d.revoked)
	d.Sub("an expired token with a service's", d.expired)
	d.Sub("a service that asks another for a user", d.onward)
	d.Sub("access rules", d.accessRules)
	d.Sub("unified limits", d.limits)
}

type dropIn struct {
	*host.Host
	me, reader host.Client
	keys       string // by which Keystone's tokens are made
}

// accounts makes users, services and limits.
func (d *dropIn) accounts() {
	script := []string{"project create one", "user create --password mine me", "role add --user me --project one member",
		"user create --password sees looker", "role add --user looker --project one reader"}
	for _, s := range []struct{ name, kind, url string }{{"glance", "image", "http://127.0.0.1:9292"}, {"placement", "placement", "http://127.0.0.1:8778"},
		{"nova", "compute", "http://127.0.0.1:8774/v2.1"}} {
		script = append(script, "user create --password svc "+s.name, "role add --user "+s.name+" --project service admin", "role add --user "+s.name+" --project service service",
			"service create --name "+s.name+" "+s.kind)
		for _, face := range []string{"public", "internal"} {
			script = append(script, "endpoint create --region RegionOne "+s.kind+" "+face+" "+s.url)
		}
	}
	script = append(script, "user create --password svc other", "role add --user other --project service member", // a service's token needs a role
		"role add --user glance --system all reader")
	for limit, n := range map[string]string{"image_count_total": "3", "image_size_total": "100", "image_stage_total": "100", "image_count_uploading": "10"} {
		script = append(script, "registered limit create --service glance --region RegionOne --default-limit "+n+" "+limit)
	}
	d.Admin().Script(script...)
}

// authtoken is how a service is told of Keystone.
func authtoken(section, user, more string) string {
	return "[" + section + `]
www_authenticate_uri = http://127.0.0.1:5000/
auth_url = http://127.0.0.1:5000/
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = ` + user + `
password = svc
region_name = RegionOne
` + more
}

// strict demands that a service's token has a role of a service.
const strict = "service_token_roles = service\nservice_token_roles_required = true\n"

// glance asks Keystone at every call: its cache is off.
func (d *dropIn) glance() {
	var endpoints struct {
		Endpoints []struct{ ID, Interface, URL string }
	}
	d.API().Want(200, "GET", "5000/v3/endpoints?interface=public", nil, &endpoints)
	id := ""
	for _, e := range endpoints.Endpoints {
		if strings.HasSuffix(e.URL, ":9292") {
			id = e.ID
		}
	}
	d.OriginalGlance(`[DEFAULT]
use_keystone_limits = true
[oslo_limit]
auth_url = http://127.0.0.1:5000/
auth_type = password
username = glance
user_domain_name = Default
password = svc
system_scope = all
region_name = RegionOne
endpoint_id = ` + id + "\n" + authtoken("keystone_authtoken", "glance", strict+"service_type = image\ntoken_cache_time = -1\n"))
}

// placement remembers for five minutes what Keystone said, as it comes.
func (d *dropIn) placement() {
	conf := d.Write("placement/placement.conf", "[DEFAULT]\nuse_stderr = true\n[api]\nauth_strategy = keystone\n[placement_database]\nconnection = "+host.Database("placement")+
		"\n"+authtoken("keystone_authtoken", "placement", "service_type = placement\n"))
	d.Must("placement-manage", "--config-file", conf, "db", "sync")
	d.UWSGI("placement-api", "8778", "/usr/bin/placement-api", "OS_PLACEMENT_CONFIG_DIR="+d.Path("placement"))
	d.Answers("placement-api", "http://127.0.0.1:8778/")
}

func (d *dropIn) nova() {
	paste, err := os.ReadFile("/usr/share/nova-common/api-paste.ini")
	if err != nil {
		d.Fail("%v", err)
	}
	d.Write("nova/api-paste.ini", string(paste))
	conf := d.Write("nova/nova.conf", `[DEFAULT]
use_stderr = true
transport_url = fake:/
my_ip = 127.0.0.1
state_path = `+d.Path("nova")+`
log_dir =
[api]
auth_strategy = keystone
[api_database]
connection = `+host.Database("nova_api")+`
[database]
connection = `+host.Database("nova")+`
[oslo_concurrency]
lock_path = `+d.Path("nova/lock")+"\n"+authtoken("keystone_authtoken", "nova", strict+"service_type = compute\ntoken_cache_time = -1\n")+
		authtoken("service_user", "nova", "send_service_user_token = true\n")+authtoken("placement", "placement", "")+authtoken("glance", "glance", ""))
	manage := func(args ...string) { d.Must("nova-manage", append([]string{"--config-file", conf}, args...)...) }
	manage("api_db", "sync")
	manage("cell_v2", "map_cell0", "--database_connection", host.Database("nova_cell0"))
	manage("db", "sync")
	manage("cell_v2", "create_cell", "--name", "cell1")
	d.UWSGI("nova-api", "8774", "/usr/bin/nova-api-wsgi", "OS_NOVA_CONFIG_DIR="+d.Path("nova"))
	d.Answers("nova-api", "http://127.0.0.1:8774/")
}

func (d *dropIn) images(t *testing.T) {
	blob := make([]byte, 1<<20)
	_, _ = rand.Read(blob)
	file, copied := d.Write("blob", string(blob)), d.Path("copy")
	d.me.Must("image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", file, "one")
	var list []struct{ Name, Status string }
	d.me.Show(&list, "image", "list")
	if fmt.Sprint(list) != "[{one active}]" {
		t.Errorf("images: %v", list)
	}
	var image struct {
		Size  int
		Owner string
	}
	d.me.Show(&image, "image", "show", "one")
	if image.Size != len(blob) || image.Owner == "" {
		t.Errorf("image: %v", image)
	}
	d.me.Must("image", "save", "--file", copied, "one")
	if got, err := os.ReadFile(copied); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("%d other bytes came back (%v)", len(got), err)
	}
}

func (d *dropIn) servers(t *testing.T) {
	d.Admin().Must("flavor", "create", "--ram", "64", "--disk", "1", "--vcpus", "1", "tiny")
	var flavors []struct{ Name string }
	d.me.Show(&flavors, "flavor", "list")
	if fmt.Sprint(flavors) != "[{tiny}]" {
		t.Errorf("flavors: %v", flavors)
	}
	if out := d.me.Must("server", "list", "-f", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("servers: %s", out)
	}
}

func (d *dropIn) roles(t *testing.T) {
	for _, args := range [][]string{{"image", "create", "--disk-format", "raw", "--container-format", "bare", "--public", "all"},
		{"flavor", "create", "--ram", "1", "--disk", "1", "--vcpus", "1", "mine"}} {
		if out, err := d.reader.Run(args...); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("a reader: %v: %s %v", args, out, err)
		}
	}
	d.login("looker", "sees").Want(403, "GET", "8778/resource_providers", nil, nil)
	d.API().Want(200, "GET", "8778/resource_providers", nil, nil)
	d.API().Want(401, "GET", "8778/resource_providers", nil, nil, "X-Auth-Token", "nobody's")
}

func (d *dropIn) login(user, password string) *host.API {
	project := "one"
	if password == "svc" {
		project = "service"
	}
	a, err := d.Login(map[string]any{"identity": host.WithPassword(user, password),
		"scope": map[string]any{"project": map[string]any{"name": project, "domain": map[string]string{"id": "default"}}}})
	if err != nil {
		d.Fail("%s: %v", user, err)
	}
	return a
}

// revoked tokens are refused at the next call by who asks at each; who
// remembers answers accepts them until it asks again, with whatever Keystone.
func (d *dropIn) revoked(t *testing.T) {
	a := d.API()
	for _, at := range []string{"9292/v2/images", "8774/v2.1/servers", "8778/resource_providers"} {
		a.Want(200, "GET", at, nil, nil)
	}
	a.Want(204, "DELETE", "5000/v3/auth/tokens", nil, nil, "X-Subject-Token", a.Token())
	for at, status := range map[string]int{"9292/v2/images": 401, "8774/v2.1/servers": 401, "8778/resource_providers": 200} {
		a.Want(status, "GET", at, nil, nil)
	}
}

// past is a token that says what another does, and expired an hour ago.
func (d *dropIn) past(t *testing.T, tok string) string {
	keys, err := token.OpenRepository(d.keys, 0)
	if err != nil {
		t.Fatal(err)
	}
	tokens := token.NewFernet(keys, token.DefaultMethods)
	payload, err := tokens.Read(t.Context(), tok)
	if err != nil {
		t.Fatal(err)
	}
	payload.IssuedAt, payload.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	old, err := tokens.Issue(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// expired tokens are good with the token of a service, which must have a
// service's role.
func (d *dropIn) expired(t *testing.T) {
	me := d.login("me", "mine")
	old := d.past(t, me.Token())
	for _, at := range []string{"9292/v2/images", "8774/v2.1/servers"} {
		me.Want(200, "GET", at, nil, nil)
		me.Want(401, "GET", at, nil, nil, "X-Auth-Token", old)
		me.Want(200, "GET", at, nil, nil, "X-Auth-Token", old, "X-Service-Token", d.login("nova", "svc").Token())
		me.Want(401, "GET", at, nil, nil, "X-Auth-Token", old, "X-Service-Token", d.login("other", "svc").Token())
		me.Want(401, "GET", at, nil, nil, "X-Auth-Token", old, "X-Service-Token", me.Token())
	}
}

// onward: Nova, which is asked for images in the way of long ago, asks Glance
// with the user's token, expired meanwhile, and with its own beside it.
func (d *dropIn) onward(t *testing.T) {
	me := d.login("me", "mine")
	old := d.past(t, me.Token())
	images := func(status int, v any, headers ...string) {
		me.Want(status, "GET", "8774/v2.1/images", nil, v, append(headers, "OpenStack-API-Version", "compute 2.1")...)
	}
	var seen struct{ Images []struct{ Name string } }
	images(200, &seen)
	if fmt.Sprint(seen.Images) != "[{one}]" {
		t.Errorf("images of Nova: %v", seen.Images)
	}
	images(401, nil, "X-Auth-Token", old)
	seen.Images = nil
	images(200, &seen, "X-Auth-Token", old, "X-Service-Token", d.login("placement", "svc").Token())
	if fmt.Sprint(seen.Images) != "[{one}]" {
		t.Errorf("images of Nova, with an expired token: %v", seen.Images)
	}
}

// accessRules of an application credential are enforced by the services.
func (d *dropIn) accessRules(t *testing.T) {
	rules := d.Write("rules.json", `[{"service": "image", "method": "GET", "path": "/v2/images"}]`)
	d.me.Must("application", "credential", "create", "--secret", "of-the-program", "--access-rules", rules, "program")
	a, err := d.Login(map[string]any{"identity": map[string]any{"methods": []string{"application_credential"}, "application_credential": map[string]any{
		"name": "program", "secret": "of-the-program", "user": map[string]any{"name": "me", "domain": map[string]string{"id": "default"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var images struct{ Images []struct{ ID string } }
	a.Want(200, "GET", "9292/v2/images", nil, &images)
	a.Want(401, "GET", "9292/v2/images/"+images.Images[0].ID, nil, nil)
	a.Want(401, "POST", "9292/v2/images", map[string]string{"name": "no"}, nil)
	a.Want(401, "GET", "8774/v2.1/servers", nil, nil)
	a.Want(401, "GET", "8778/resource_providers", nil, nil)
}

// limits that are registered with Keystone, and a project's own, are Glance's.
func (d *dropIn) limits(t *testing.T) {
	me := d.login("me", "mine")
	image := func(status int) { me.Want(status, "POST", "9292/v2/images", map[string]string{"name": "more"}, nil) }
	image(201)
	image(201)
	image(413)
	d.Admin().Must("limit", "create", "--project", "one", "--service", "glance", "--region", "RegionOne", "--resource-limit", "4", "image_count_total")
	image(201)
	image(413)
}
