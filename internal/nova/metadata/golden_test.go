package metadata

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/fault"
)

// exchange is one recorded request of a guest and what a real OpenStack answered.
type exchange struct {
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         string
	}
	Response struct {
		Status  int
		Headers [][2]string
		Body    json.RawMessage
	}
}

// secret signs the replayed requests.
const secret = "SECRET"

type oneInstance struct{ Instance }

func (o *oneInstance) MetadataInstance(_ context.Context, id string) (Instance, error) {
	if id != o.ID {
		return Instance{}, fault.NotFound("no")
	}
	return o.Instance, nil
}

func (o *oneInstance) SecurityGroupNames(context.Context, string) ([]string, error) {
	return []string{"default"}, nil
}

func (o *oneInstance) SetServerPassword(_ context.Context, _, password string) error {
	o.Password = password
	return nil
}

// TestGolden replays everything that was recorded. Only the signatures are made anew, with our own secret.
func TestGolden(t *testing.T) {
	source := &oneInstance{recorded(t)}
	h := &Handler{Source: source, Secret: secret}
	for _, file := range goldenFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ex := readExchange(t, file)
			got := replay(h, ex)
			if got.Code != ex.Response.Status {
				t.Fatalf("status %d, want %d: %s", got.Code, ex.Response.Status, got.Body)
			}
			if want := ex.Response.Headers[0][1]; got.Header().Get("Content-Type") != want {
				t.Errorf("Content-Type %q, want %q", got.Header().Get("Content-Type"), want)
			}
			if strings.Contains(file, "password-after") {
				return // the original still answers from its cache here; ours knows the password at once
			}
			compare(t, got.Body.String(), ex.Response.Body)
		})
	}
	if source.Password != "ZW5jcnlwdGVk" {
		t.Errorf("the posted password is %q", source.Password)
	}
}

func replay(h *Handler, ex exchange) *httptest.ResponseRecorder {
	r := httptest.NewRequest(ex.Request.Method, ex.Request.Path, strings.NewReader(ex.Request.Body))
	for k, v := range ex.Request.Headers {
		if k == "X-Instance-ID-Signature" && v != "bad" {
			v = Sign(secret, ex.Request.Headers["X-Instance-ID"])
		}
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// compare takes JSON as JSON, and text as text.
func compare(t *testing.T, got string, want json.RawMessage) {
	t.Helper()
	var text *string
	if json.Unmarshal(want, &text) == nil {
		if text == nil {
			text = new(string)
		}
		if got != *text {
			t.Error(cmp.Diff(*text, got))
		}
		return
	}
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	_ = json.Unmarshal(want, &b)
	if d := cmp.Diff(b, a); d != "" {
		t.Error(d)
	}
}

// recorded is the instance that the exchanges are about.
func recorded(t *testing.T) Instance {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIsSDpDYYgJzR9NbiWhLOhRXb5kVMoPGUFmyv3fpAVQ6 g@example"
	ex := readExchange(t, "testdata/golden/004-openstack-meta-data-json.json")
	var meta struct {
		RandomSeed string `json:"random_seed"`
	}
	if err := json.Unmarshal(ex.Response.Body, &meta); err != nil {
		t.Fatal(err)
	}
	seed, err := base64.StdEncoding.DecodeString(meta.RandomSeed)
	if err != nil {
		t.Fatal(err)
	}
	return Instance{
		ID: "a8df40dc-67ee-4566-aeaa-4822478ca4c8", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7",
		Name: "g-meta vm", Hostname: "g-meta-vm.novalocal", AvailabilityZone: "nova", Flavor: "g-m",
		ReservationID: "r-uy8hqjz7", Keys: []Key{{"g-mkey", "ssh", key}}, Metadata: map[string]string{"role": "web"},
		UserData: []byte("#cloud-config\nhostname: x\n"), RandomSeed: seed,
		EC2: EC2{InstanceID: "i-0000001d", ImageID: "ami-00000007", LocalIPv4: "10.45.0.252",
			Devices: map[string]string{"ami": "sda", "root": "/dev/sda"}},
		Interfaces: []Interface{{PortID: "19873ee1-e2cb-4288-a0ab-b111b4ede289", NetworkID: "c11ee452-70ff-445d-88d0-3f7c0c2d7933",
			Device: "tap19873ee1-e2", Type: "bridge", MAC: "fa:16:3e:95:e6:3a", MTU: 1500,
			Subnets: []Subnet{{Version: 4, CIDR: "10.45.0.0/24", DHCP: true, Addresses: []string{"10.45.0.252"}}}}},
	}
}

func goldenFiles(t *testing.T) []string {
	files, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded exchanges", err)
	}
	return files
}

func readExchange(t *testing.T, file string) exchange {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ex exchange
	if err := json.Unmarshal(data, &ex); err != nil {
		t.Fatal(err)
	}
	return ex
}

func TestNoSecretNoAnswer(t *testing.T) {
	h := &Handler{Source: &oneInstance{recorded(t)}, Secret: ""}
	var ex exchange
	ex.Request.Method, ex.Request.Path = http.MethodGet, "/latest/"
	ex.Request.Headers = map[string]string{"X-Instance-ID": "x", "X-Tenant-ID": "x", "X-Instance-ID-Signature": "y"}
	if got := replay(h, ex); got.Code != http.StatusForbidden {
		t.Errorf("a handler without a secret answered %d", got.Code)
	}
}
