//go:build dropin

package test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance/blob/swifttest"
	"nacre/test/host"
)

const ourGlanceInSwift = `keystone_authtoken: {auth_url: "http://127.0.0.1:5000/v3", username: glance, password: svc}
glance:
  enabled_backends: [swift:swift]
  backends:
    swift:
      swift_store_auth_address: http://127.0.0.1:5000/v3
      swift_store_user: service:glance
      swift_store_key: svc
      swift_store_region: RegionOne
      swift_store_endpoint_type: internalURL
      swift_store_create_container_on_put: true
      swift_store_large_object_chunk_size: 1
`

// TestDropInSwift keeps our Glance's images in the original Swift, whose users
// are the original Keystone's: an upload in segments, a download, also from the
// middle, and a deletion that leaves nothing.
func TestDropInSwift(t *testing.T) {
	l := &imageLife{dropIn: &dropIn{Host: host.New(t)}}
	l.MariaDB("keystone")
	l.OriginalKeystone("")
	l.Admin().Script("role create service", "project create service")
	l.accounts()
	swift := swifttest.StartBehind(t, swifttest.Keystone{AuthURL: "http://127.0.0.1:5000/v3", User: "swift", Key: "svc", Project: "service", Client: l.HTTP(),
		Command: func(name string, args ...string) *exec.Cmd { return l.Command(context.Background(), name, args...) }})
	url := "http://" + swift.Host + "/v1/AUTH_%(project_id)s"
	l.Admin().Script("user create --password svc swift", "role add --user swift --project service admin", "service create --name swift object-store",
		"endpoint create --region RegionOne object-store public "+url, "endpoint create --region RegionOne object-store internal "+url)
	l.RunOnly("--config", l.Write("nacre.yaml", ourGlanceInSwift), "glance-api")
	me := l.GlanceClient("me", "mine", "one")

	blob := make([]byte, 7<<19) // three segments and a half
	_, _ = rand.Read(blob)
	image := me.Show("image-create", "--name", "far", "--disk-format", "raw", "--container-format", "bare", "--file", l.Write("blob", string(blob)))
	is(t, image, "status", "active", "stores", "swift", "size", fmt.Sprint(len(blob)), "checksum", fmt.Sprintf("%x", md5.Sum(blob)))
	id, copied := image["id"], l.Path("far-copy")
	me.Must("image-download", "--file", copied, id)
	if got, err := os.ReadFile(copied); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("%d other bytes came back (%v)", len(got), err)
	}
	if status, part := l.get(t, "http://127.0.0.1:9292/v2/images/"+id+"/file", l.login("me", "mine").Token(), "bytes=1048570-2097159"); status != 206 || !bytes.Equal(part, blob[1048570:2097160]) {
		t.Errorf("from the middle: %d, %d other bytes", status, len(part))
	}
	segments := 0
	for _, name := range l.objects(t, swift) {
		if !strings.HasPrefix(name, id) {
			t.Errorf("object %s", name)
		}
		if strings.HasPrefix(name, id+".") {
			segments++
		}
	}
	if segments < 4 {
		t.Errorf("%d segments", segments)
	}
	me.Must("image-delete", id)
	l.Until("nothing is left in Swift", time.Minute, func() bool { return len(l.objects(t, swift)) == 0 })
}

// objects lists the container of images, as the image service's own user.
func (l *imageLife) objects(t *testing.T, swift *swifttest.Swift) (names []string) {
	t.Helper()
	var found struct{ Projects []struct{ ID string } }
	l.API().Want(200, "GET", "5000/v3/projects?name=service", nil, &found)
	var list []struct{ Name string }
	status, text := l.get(t, "http://"+swift.Host+"/v1/AUTH_"+found.Projects[0].ID+"/glance?format=json", l.login("glance", "svc").Token(), "")
	if err := json.Unmarshal(text, &list); status != 200 || err != nil {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	for _, o := range list {
		names = append(names, o.Name)
	}
	return names
}

func (l *imageLife) get(t *testing.T, url, token, bytes string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	if bytes != "" {
		r.Header.Set("Range", bytes)
	}
	res, err := l.HTTP().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, text
}
