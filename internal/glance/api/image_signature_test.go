package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/service"
	"nacre/internal/glance/signature/signaturetest"
	"nacre/internal/oslo/auth"
)

// asked is a key manager that notes who asks.
type asked struct {
	keymanager.KeyManager
	mu sync.Mutex
	by []string
}

func (a *asked) Certificate(ctx context.Context, id string) (*keymanager.Certificate, error) {
	a.mu.Lock()
	a.by = append(a.by, auth.Caller(ctx).Token)
	a.mu.Unlock()
	switch id {
	case lost:
		return nil, errors.New("the key manager is away")
	case opaque:
		return nil, keymanager.Format("Opaque")
	}
	return a.KeyManager.Certificate(ctx, id)
}

// tokens are those of who has asked since the last time.
func (a *asked) tokens() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	by := a.by
	a.by = nil
	return by
}

// IDs of certificates.
const (
	certificate = "c0000000-0000-4000-8000-000000000001"
	another     = "c0000000-0000-4000-8000-000000000002"
	unknown     = "c0000000-0000-4000-8000-000000000003"
	lost        = "c0000000-0000-4000-8000-000000000004"
	opaque      = "c0000000-0000-4000-8000-000000000005"
)

// signedCloud has two stores and a directory of certificates.
func signedCloud(t *testing.T) (*cloud, *asked, string) {
	t.Helper()
	dir := t.TempDir()
	files, err := keymanager.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys := &asked{KeyManager: files}
	return twoStores(t, fromHere(), func(d *service.Deps) { d.Keys = keys }), keys, dir
}

// signed is a new image with those properties.
func signed(properties string) string {
	return `{"disk_format": "raw", "container_format": "bare", ` + properties + `}`
}

// empty checks that the image is as before, and that nobody has bytes of it.
func (c *cloud) empty(t *testing.T, id string) {
	t.Helper()
	got := string(c.show(t, id))
	for _, want := range []string{`"status":"queued"`, `"size":null`, `"checksum":null`, `"os_hash_value":null`} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in %s", want, got)
		}
	}
	for _, dir := range []string{c.dir, c.staging} {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.Contains(path, id) {
				t.Errorf("left: %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSignedUpload: what was signed with a key of each type by each hash is
// taken, and not one byte else.
func TestSignedUpload(t *testing.T) {
	cloud, keys, dir := signedCloud(t)
	for _, keyType := range []string{"RSA-PSS", "DSA", "ECC_SECP384R1", "ECC_SECP521R1", "ECC_SECT571R1"} {
		s := signaturetest.New(t, keyType)
		s.Put(t, dir, certificate)
		for _, method := range []string{"SHA-224", "SHA-256", "SHA-384", "SHA-512"} {
			t.Run(keyType+" "+method, func(t *testing.T) {
				data := strings.Repeat("0123456789", 200_000) // several pieces
				id := cloud.create(t, "member", signed(s.Properties(t, certificate, method, data)))
				cloud.upload(t, "member", id, data[1:]).want(t, 400, "Signature verification failed for image "+id+": Signature verification failed<br")
				cloud.empty(t, id)
				cloud.upload(t, "member", id, data).want(t, 204, "")
				if a := cloud.do(t, "member", "GET", "/v2/images/"+id+"/file", "", nil); string(a.body) != data {
					t.Errorf("got %d bytes", len(a.body))
				}
				if by := keys.tokens(); !slices.Equal(by, []string{"member", "member"}) {
					t.Errorf("asked by %v", by)
				}
			})
		}
	}
}

// TestSignatureRefused: the original's sentences, and nothing left behind.
func TestSignatureRefused(t *testing.T) {
	cloud, _, dir := signedCloud(t)
	rsa, ecc := signaturetest.New(t, "RSA-PSS"), signaturetest.New(t, "ECC_SECP384R1")
	rsa.Put(t, dir, certificate)
	ecc.Put(t, dir, another)
	good := rsa.Sign(t, "SHA-256", "bytes")
	for name, tc := range map[string]struct{ signature, method, keyType, id, text string }{
		"method":      {good, "SHA-1", "RSA-PSS", certificate, "Invalid signature hash method: SHA-1"},
		"key type":    {good, "SHA-256", "RSA", certificate, "Invalid signature key type: RSA"},
		"curve":       {good, "SHA-256", "ECC_SECT283R1", certificate, "Invalid signature key type: ECC_SECT283R1"},
		"mismatch":    {good, "SHA-256", "RSA-PSS", another, "Invalid public key type for signature key type: RSA-PSS"},
		"base64":      {"=", "SHA-256", "RSA-PSS", certificate, "The signature data was not properly encoded using base64"},
		"unknown":     {good, "SHA-256", "RSA-PSS", unknown, "Certificate not found with ID: " + unknown},
		"unreachable": {good, "SHA-256", "RSA-PSS", lost, "Unable to retrieve certificate with ID: " + lost},
		"format":      {good, "SHA-256", "RSA-PSS", opaque, "Invalid certificate format: Opaque"},
		"no UUID":     {good, "SHA-256", "RSA-PSS", "../" + certificate, "Certificate not found with ID: ../" + certificate},
	} {
		t.Run(name, func(t *testing.T) {
			id := cloud.create(t, "member", signed(fmt.Sprintf(`"img_signature": %q, "img_signature_hash_method": %q, "img_signature_key_type": %q,
				"img_signature_certificate_uuid": %q`, tc.signature, tc.method, tc.keyType, tc.id)))
			want := "Signature verification failed for image " + id + ": Signature verification for the image failed: " + tc.text + "."
			cloud.upload(t, "member", id, "bytes").want(t, 400, want+"<br")
			cloud.empty(t, id)
			cloud.stage(t, "member", id, "bytes").want(t, 204, "")
			cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
			cloud.imported(t, "member", id)
			if task := cloud.lastTask(t, "member", id); task.Status != "failure" || task.Message != want {
				t.Errorf("got %+v", task)
			}
			cloud.empty(t, id)
		})
	}
}

// TestNotSigned: fewer than all four properties verify nothing, and what an active
// image says of its signature may be changed.
func TestNotSigned(t *testing.T) {
	cloud, keys, dir := signedCloud(t)
	s := signaturetest.New(t, "ECC_SECP384R1")
	s.Put(t, dir, certificate)
	all := map[string]any{}
	if err := json.Unmarshal([]byte(signed(s.Properties(t, certificate, "SHA-256", "bytes"))), &all); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if !strings.HasPrefix(name, "img_") {
			continue
		}
		some := map[string]any{}
		for n, v := range all {
			if n != name {
				some[n] = v
			}
		}
		body, err := json.Marshal(some)
		if err != nil {
			t.Fatal(err)
		}
		id := cloud.create(t, "member", string(body))
		cloud.upload(t, "member", id, "other bytes").want(t, 204, "")
	}
	if by := keys.tokens(); by != nil {
		t.Errorf("asked by %v", by)
	}
	id := cloud.create(t, "member", signed(s.Properties(t, certificate, "SHA-256", "bytes")))
	cloud.upload(t, "member", id, "bytes").want(t, 204, "")
	cloud.patch(t, "member", id, `[{"op": "replace", "path": "/img_signature", "value": "other"}]`).want(t, 200, `"img_signature":"other"`)
}

// TestSignedImport: of each method, the caller's certificate decides.
func TestSignedImport(t *testing.T) {
	cloud, keys, dir := signedCloud(t)
	s := signaturetest.New(t, "RSA-PSS")
	s.Put(t, dir, certificate)
	url := site(t, "bytes")
	for data, good := range map[string]bool{"bytes": true, "others": false} {
		properties := signed(s.Properties(t, certificate, "SHA-384", data))
		for _, method := range []string{`{"name": "glance-direct"}`, fmt.Sprintf(`{"name": "web-download", "uri": %q}`, url)} {
			id := cloud.create(t, "member", properties)
			if strings.Contains(method, "direct") {
				cloud.stage(t, "member", id, "bytes").want(t, 204, "")
			}
			cloud.importBy(t, "member", id, `{"method": `+method+`, "all_stores": true}`).want(t, 202, "")
			got, task := cloud.imported(t, "member", id), cloud.lastTask(t, "member", id)
			if by := keys.tokens(); !slices.Equal(by, []string{"member"}) {
				t.Errorf("asked by %v", by)
			}
			if good {
				if got["status"] != "active" || got["stores"] != "one,two" || task.Status != "success" {
					t.Errorf("%s: got %v, %+v", method, got, task)
				}
				continue
			}
			if want := "Signature verification failed for image " + id + ": Signature verification failed"; task.Message != want ||
				got["os_glance_failed_import"] != "one" {
				t.Errorf("%s: got %v, %+v", method, got, task)
			}
			cloud.empty(t, id)
		}
		task := fmt.Sprintf(`{"type": "import", "input": {"import_from": %q, "import_from_format": "raw", "image_properties": %s}}`, url, properties)
		a := cloud.do(t, "admin", "POST", "/v2/tasks", task, nil).want(t, 201, "")
		waitFor(t, func() bool {
			a = cloud.do(t, "admin", "GET", a.header.Get("Location")[len("http://127.0.0.1:9292"):], "", nil).withLocation(a)
			return !strings.Contains(string(a.body), `"processing"`) && !strings.Contains(string(a.body), `"pending"`)
		})
		if by := keys.tokens(); !slices.Equal(by, []string{"admin"}) || strings.Contains(string(a.body), `"status":"success"`) != good {
			t.Errorf("got %s, asked by %v", a.body, by)
		}
	}
}

// withLocation keeps where to ask again.
func (a answer) withLocation(from answer) answer {
	a.header.Set("Location", from.header.Get("Location"))
	return a
}

// TestSignedCopy: a copy is verified by what the image says then.
func TestSignedCopy(t *testing.T) {
	cloud, _, dir := signedCloud(t)
	s := signaturetest.New(t, "RSA-PSS")
	s.Put(t, dir, certificate)
	id := cloud.create(t, "member", signed(s.Properties(t, certificate, "SHA-256", "bytes")))
	cloud.upload(t, "member", id, "bytes").want(t, 204, "")
	cloud.patch(t, "member", id, fmt.Sprintf(`[{"op": "replace", "path": "/img_signature", "value": %q}]`, s.Sign(t, "SHA-256", "other"))).want(t, 200, "")
	copyTo := `{"method": {"name": "copy-image"}, "stores": ["two"]}`
	cloud.importBy(t, "admin", id, copyTo).want(t, 202, "")
	if got := cloud.imported(t, "member", id); got["status"] != "active" || got["stores"] != "one" || got["os_glance_failed_import"] != "two" {
		t.Errorf("got %v", got)
	}
	cloud.patch(t, "member", id, fmt.Sprintf(`[{"op": "replace", "path": "/img_signature", "value": %q}]`, s.Sign(t, "SHA-256", "bytes"))).want(t, 200, "")
	waitFor(t, func() bool { return cloud.importBy(t, "admin", id, copyTo).status == 202 })
	if got := cloud.imported(t, "member", id); got["status"] != "active" || got["stores"] != "one,two" {
		t.Errorf("got %v", got)
	}
}

// slowSite is a server of one file that waits in the middle.
func slowSite(t *testing.T, data string, begun, goOn chan struct{}) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, data[:1])
		w.(http.Flusher).Flush()
		close(begun)
		<-goOn
		io.WriteString(w, data[1:])
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestSignatureOfAnother: who changes the certificate while the image is on its
// way has the new one asked for, still as the one who imports.
func TestSignatureOfAnother(t *testing.T) {
	cloud, keys, dir := signedCloud(t)
	one, two := signaturetest.New(t, "ECC_SECP384R1"), signaturetest.New(t, "ECC_SECP521R1")
	one.Put(t, dir, certificate)
	two.Put(t, dir, another)
	begun, goOn := make(chan struct{}), make(chan struct{})
	id := cloud.create(t, "member", signed(one.Properties(t, certificate, "SHA-256", "bytes")))
	url := slowSite(t, "bytes", begun, goOn)
	cloud.importBy(t, "member", id, fmt.Sprintf(`{"method": {"name": "web-download", "uri": %q}}`, url)).want(t, 202, "")
	<-begun
	patch := fmt.Sprintf(`[{"op": "replace", "path": "/img_signature", "value": %q}, {"op": "replace", "path": "/img_signature_certificate_uuid", "value": %q},
		{"op": "replace", "path": "/img_signature_key_type", "value": "ECC_SECP521R1"}]`, two.Sign(t, "SHA-256", "bytes"), another)
	cloud.patch(t, "member", id, patch).want(t, 200, "")
	close(goOn)
	if got := cloud.imported(t, "member", id); got["status"] != "active" {
		t.Errorf("got %v, %+v", got, cloud.lastTask(t, "member", id))
	}
	if by := keys.tokens(); !slices.Equal(by, []string{"member", "member"}) {
		t.Errorf("asked by %v", by)
	}
}
