//go:build dropin

package test

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"nacre/test/host"
)

// TestDropInGlance puts our Glance, and Placement, on OpenStack's own Keystone,
// beside its Nova, and below the client of its name, as Debian packages them.
func TestDropInGlance(t *testing.T) {
	h := host.New(t)
	d := &dropIn{Host: h, keys: h.Path("keystone/fernet-keys")}
	d.MariaDB("keystone", "nova_api", "nova_cell0", "nova")
	d.OriginalKeystone("")
	d.Admin().Script("role create service", "project create service", "project create two", "user create --password theirs you",
		"role add --user you --project two member")
	d.accounts()
	d.RunOnly("--config", d.Write("nacre.yaml", ourGlance), "glance-api", "placement-api")
	d.nova()
	d.me, d.reader = d.Client("me", "mine", "one"), d.Client("looker", "sees", "one")
	life := &imageLife{dropIn: d, me: d.GlanceClient("me", "mine", "one"), you: d.GlanceClient("you", "theirs", "two"),
		admin: d.GlanceClient("admin", host.AdminPassword, "admin")}

	id := d.image()
	d.Sub("Nova's view of images", func(t *testing.T) { d.novaImages(t, id) })
	d.Sub("a service that asks for a user", d.onward)
	d.Sub("an expired token with a service's", d.expired)
	d.Sub("a token's end", d.ended)
	d.Sub("roles", d.roles)
	d.Sub("access rules", d.accessRules)
	d.login("me", "mine").Want(204, "DELETE", "9292/v2/images/"+id, nil, nil)
	d.Sub("uploaded and shared", life.shared)
	d.Sub("staged, imported and deactivated", life.imported)
	d.Sub("metadata definitions", life.definitions)
	d.image()
	d.Sub("unified limits", d.limits)
}

const ourGlance = `keystone_authtoken: {auth_url: "http://127.0.0.1:5000/v3", username: glance, password: svc}
glance:
  use_keystone_limits: true
  import_filtering_opts: {allowed_ports: [8000], allowed_networks: [127.0.0.0/8]}
`

// image makes an image by the name of one.
func (d *dropIn) image() string {
	me := d.login("me", "mine")
	var image struct{ ID string }
	me.Want(201, "POST", "9292/v2/images", map[string]string{"name": "one", "disk_format": "raw", "container_format": "bare"}, &image)
	me.Want(204, "PUT", "9292/v2/images/"+image.ID+"/file", bytes.NewReader(make([]byte, 1<<20)), nil)
	return image.ID
}

// novaImages: Nova looks at an image before it makes a server of it, and shows
// images in the way of long ago.
func (d *dropIn) novaImages(t *testing.T, id string) {
	d.API().Want(200, "POST", "8774/v2.1/flavors", map[string]any{"flavor": map[string]any{"id": "7", "name": "tiny", "ram": 64, "disk": 1, "vcpus": 1}}, nil)
	me := d.login("me", "mine")
	server := func(ref, want string) {
		t.Helper()
		status, err := me.Do("POST", "8774/v2.1/servers", map[string]any{"server": map[string]any{"name": "s", "flavorRef": "7", "imageRef": ref, "networks": "none"}}, nil)
		if want == "" && status != 202 || want != "" && (status != 400 || !strings.Contains(fmt.Sprint(err), want)) {
			t.Errorf("a server of %s: %d %v, want %q", ref, status, err, want)
		}
	}
	patch := func(op, path string, value any) {
		t.Helper()
		me.Want(200, "PATCH", "9292/v2/images/"+id, []map[string]any{{"op": op, "path": path, "value": value}}, nil,
			"Content-Type", "application/openstack-images-v2.1-json-patch")
	}
	server("5cd4f4a8-4f9c-4c69-a33c-b79ccbd8bd3d", "Can not find requested image")
	patch("replace", "/min_ram", 128)
	server(id, "Flavor's memory is too small for requested image.")
	patch("replace", "/min_ram", 0)
	patch("replace", "/min_disk", 2)
	server(id, "Flavor's disk is smaller than the minimum size")
	patch("replace", "/min_disk", 0)
	d.API().Want(204, "POST", "9292/v2/images/"+id+"/actions/deactivate", nil, nil)
	server(id, "is not active")
	d.API().Want(204, "POST", "9292/v2/images/"+id+"/actions/reactivate", nil, nil)
	server(id, "")

	long := func(method, path string, body, v any) {
		t.Helper()
		me.Want(200, method, "8774/v2.1/images/"+id+path, body, v, "OpenStack-API-Version", "compute 2.1")
	}
	var seen struct {
		Image struct {
			Name, Status string
			Size         int `json:"OS-EXT-IMG-SIZE:size"`
		}
		Metadata map[string]string
	}
	long("PUT", "/metadata", map[string]any{"metadata": map[string]string{"color": "green"}}, nil)
	long("GET", "/metadata", nil, &seen)
	long("GET", "", nil, &seen)
	if seen.Image.Name != "one" || seen.Image.Status != "ACTIVE" || seen.Image.Size != 1<<20 || fmt.Sprint(seen.Metadata) != "map[color:green]" {
		t.Errorf("image of Nova: %+v", seen)
	}
}

// ended: a token that was revoked is refused at the next call.
func (d *dropIn) ended(*testing.T) {
	a := d.API()
	for _, status := range []int{200, 401} {
		for _, at := range []string{"9292/v2/images", "8778/resource_providers"} {
			a.Want(status, "GET", at, nil, nil)
		}
		if status == 200 {
			a.Want(204, "DELETE", "5000/v3/auth/tokens", nil, nil, "X-Subject-Token", a.Token())
		}
	}
}

// imageLife is what the glance client does with images, by three users.
type imageLife struct {
	*dropIn
	me, you, admin *host.GlanceClient
}

func (l *imageLife) refused(t *testing.T, who *host.GlanceClient, status string, args ...string) {
	t.Helper()
	if out, err := who.Run(args...); err == nil || !strings.Contains(err.Error(), status) {
		t.Errorf("%v: %s %v, want %s", args, out, err, status)
	}
}

// is compares what a client was shown.
func is(t *testing.T, got map[string]string, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got[want[i]] != want[i+1] {
			t.Errorf("%s is %q, want %q, in %v", want[i], got[want[i]], want[i+1], got)
		}
	}
}

func (l *imageLife) shared(t *testing.T) {
	blob := make([]byte, 3<<20)
	_, _ = rand.Read(blob)
	file := l.Write("blob", string(blob))
	image := l.me.Show("image-create", "--name", "one", "--disk-format", "raw", "--container-format", "bare", "--min-disk", "1", "--property", "a=b", "--file", file)
	is(t, image, "status", "active", "name", "one", "a", "b", "min_disk", "1", "size", fmt.Sprint(len(blob)), "visibility", "shared",
		"checksum", fmt.Sprintf("%x", md5.Sum(blob)), "os_hash_algo", "sha512")
	id := image["id"]
	l.refused(t, l.me, "409", "image-upload", "--file", file, id)
	is(t, l.me.Show("image-update", "--name", "other", "--remove-property", "a", "--property", "c=d", "--protected", "True", id), "name", "other", "a", "", "c", "d", "protected", "True")
	l.me.Must("image-tag-update", id, "red")
	is(t, l.me.Show("image-show", id), "tags", `["red"]`)
	l.me.Must("image-tag-delete", id, "red")
	is(t, l.me.Show("image-list"), id, "other")
	l.refused(t, l.me, "not permitted to delete", "image-delete", id) // the client's own words for 403
	l.refused(t, l.me, "403", "image-update", "--visibility", "public", id)

	l.refused(t, l.you, "404", "image-show", id)
	var projects struct{ Projects []struct{ ID string } }
	l.API().Want(200, "GET", "5000/v3/projects?name=two", nil, &projects)
	two := projects.Projects[0].ID
	is(t, l.me.Show("member-create", id, two), id, "")
	if out := l.me.Must("member-list", "--image-id", id); !strings.Contains(out, two) || !strings.Contains(out, "pending") {
		t.Errorf("members: %s", out)
	}
	if out := l.you.Must("member-update", id, two, "accepted"); !strings.Contains(out, "accepted") {
		t.Errorf("member: %s", out)
	}
	is(t, l.you.Show("image-list"), id, "other")
	copied := l.Path("copied")
	l.you.Must("image-download", "--file", copied, id)
	if got, err := os.ReadFile(copied); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("%d other bytes came back (%v)", len(got), err)
	}
	l.refused(t, l.you, "403", "image-update", "--name", "mine", id)
	l.me.Must("member-delete", id, two)
	l.refused(t, l.you, "404", "image-show", id)
	l.me.Must("image-update", "--protected", "False", id)
	l.me.Must("image-delete", id)
	l.refused(t, l.me, "404", "image-show", id)
}

func (l *imageLife) imported(t *testing.T) {
	for _, want := range []string{"glance-", "web-download", "copy-image"} {
		if out := l.me.Must("import-info"); !strings.Contains(out, want) {
			t.Errorf("import methods: %s", out)
		}
	}
	if out := l.me.Must("stores-info"); !strings.Contains(out, "file") {
		t.Errorf("stores: %s", out)
	}
	file := l.Write("web/blob", strings.Repeat("an image. ", 1000))
	l.Serve("web", nil, "python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", l.Path("web"), "8000")
	l.Answers("web", "http://127.0.0.1:8000/")
	bare := []string{"--disk-format", "raw", "--container-format", "bare"}
	staged := l.me.Show(append([]string{"image-create", "--name", "staged"}, bare...)...)["id"]
	l.me.Must("image-stage", "--file", file, staged)
	is(t, l.me.Show("image-show", staged), "status", "uploading")
	l.me.Must("image-import", "--import-method", "glance-direct", staged)
	web := l.me.Show(append([]string{"image-create-via-import", "--name", "web", "--import-method", "web-download", "--uri", "http://127.0.0.1:8000/blob"}, bare...)...)["id"]
	uploaded := l.me.Show(append([]string{"image-create", "--name", "queued"}, bare...)...)
	is(t, uploaded, "status", "queued")
	l.me.Must("image-upload", "--file", file, uploaded["id"])
	for _, id := range []string{staged, web, uploaded["id"]} {
		l.Until("image "+id+" is active", time.Minute, func() bool { return l.me.Show("image-show", id)["status"] == "active" })
		is(t, l.me.Show("image-show", id), "size", "10000")
	}
	if out := l.me.Must("image-tasks", staged); !strings.Contains(out, "success") {
		t.Errorf("tasks: %s", out)
	}
	if out := l.me.Must("usage"); !strings.Contains(out, "image_count_total") {
		t.Errorf("usage: %s", out)
	}
	l.refused(t, l.you, "404", "image-deactivate", web)
	l.admin.Must("image-deactivate", web)
	l.refused(t, l.me, "403", "image-download", "--file", l.Path("never"), web)
	l.admin.Must("image-reactivate", web)
	l.me.Must("image-download", "--file", l.Path("web-copy"), web)
	for _, id := range []string{staged, web, uploaded["id"]} {
		l.me.Must("image-delete", id)
	}
}

func (l *imageLife) definitions(t *testing.T) {
	l.refused(t, l.me, "403", "md-namespace-create", "Test::Mine")
	is(t, l.admin.Show("md-namespace-create", "Test::Ours", "--display-name", "Ours", "--visibility", "public"), "namespace", "Test::Ours", "visibility", "public")
	l.admin.Must("md-property-create", "Test::Ours", "--name", "size", "--title", "Size", "--schema", `{"type": "integer", "minimum": 1}`)
	l.admin.Must("md-object-create", "Test::Ours", "--name", "thing", "--schema", `{"properties": {"colour": {"type": "string", "title": "Colour"}}}`)
	l.admin.Must("md-tag-create-multiple", "Test::Ours", "--names", "red,green")
	l.admin.Must("md-resource-type-associate", "--name", "OS::Glance::Image", "--prefix", "ours_", "Test::Ours")
	for want, args := range map[string][]string{"minimum": {"md-property-show", "Test::Ours", "size"}, "colour": {"md-object-show", "Test::Ours", "thing"},
		"green": {"md-tag-list", "Test::Ours"}, "OS::Glance::Image": {"md-namespace-show", "Test::Ours"}, "Test::Ours": {"md-namespace-list"}} {
		if out := l.me.Must(args...); !strings.Contains(out, want) {
			t.Errorf("%v: no %s in %s", args, want, out)
		}
	}
	l.admin.Must("md-namespace-delete", "Test::Ours")
	l.refused(t, l.me, "404", "md-namespace-show", "Test::Ours")
}
