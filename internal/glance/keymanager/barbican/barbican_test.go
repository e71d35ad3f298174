package barbican_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/keymanager/barbican"
	"nacre/internal/glance/keymanager/keymanagertest"
	"nacre/internal/glance/signature/signaturetest"
	"nacre/internal/oslo/auth"
)

// start is the original Barbican, with the tokens of member and stranger.
func start(t *testing.T) (url string) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "serve_test.py", t.TempDir(), "0") // Debian's, which has its packages
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var port int
	if _, err := fmt.Fscanf(bufio.NewReader(out), "ready %d\n", &port); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("start Barbican (package python3-barbican): %v\n%s", err, stderr.String())
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func as(t *testing.T, token string) context.Context {
	return auth.WithCaller(t.Context(), auth.Identity{Token: token})
}

// put makes a secret of that type and returns its ID.
func put(t *testing.T, at, typ string, text []byte) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"secret_type": typ, "payload_content_type": "application/octet-stream",
		"payload_content_encoding": "base64", "payload": text})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/v1/secrets", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Auth-Token", "member")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct {
		Ref string `json:"secret_ref"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("%s, %v", res.Status, err)
	}
	return made.Ref[strings.LastIndex(made.Ref, "/")+1:]
}

// catalogue has one service.
type catalogue string

func (c catalogue) EndpointOf(_ context.Context, service, region, availability string) (string, error) {
	if service != "key-manager" || region != "" || availability != "public" {
		return "", nil
	}
	return string(c), nil
}

// TestBarbican asks the original, with a catalogue entry as people write them.
func TestBarbican(t *testing.T) {
	at := start(t)
	for _, entry := range []string{at, at + "/", at + "/v1", at + "/v1/"} {
		keys, err := barbican.New(barbican.Config{}, catalogue(entry))
		if err != nil {
			t.Fatal(err)
		}
		keymanagertest.Run(t, as(t, "member"), keys, func(t *testing.T, text []byte) string { return put(t, at, "certificate", text) })
	}
	keys, err := barbican.New(barbican.Config{Endpoint: at}, catalogue("nowhere"))
	if err != nil {
		t.Fatal(err)
	}
	id := put(t, at, "certificate", signaturetest.New(t, "ECC_SECP384R1").Certificate)
	for token, want := range map[string]string{"stranger": "403 Forbidden", "nobody": "401 Unauthorized", "": "401 Unauthorized"} {
		if _, err := keys.Certificate(as(t, token), id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", token, err)
		}
	}
	var format keymanager.Format
	if _, err := keys.Certificate(as(t, "member"), put(t, at, "opaque", []byte("x"))); !errors.As(err, &format) || format != "Opaque" {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for entry, want := range map[string]string{"": "no service of the type key-manager", server.URL: "refused"} {
		keys, err := barbican.New(barbican.Config{}, catalogue(entry))
		if err != nil {
			t.Fatal(err)
		}
		_, err = keys.Certificate(as(t, "member"), "00000000-1111-4222-8333-444444444444")
		if err == nil || errors.Is(err, keymanager.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", entry, err)
		}
	}
}

// TestCertificateOfServer: the server's own certificate is checked.
func TestCertificateOfServer(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for file, found := range map[string]bool{"": false, ca: true} {
		keys, err := barbican.New(barbican.Config{Endpoint: server.URL, CAFile: file}, catalogue(""))
		if err != nil {
			t.Fatal(err)
		}
		_, err = keys.Certificate(as(t, "member"), "00000000-1111-4222-8333-444444444444")
		if errors.Is(err, keymanager.ErrNotFound) != found {
			t.Errorf("%q: got %v", file, err)
		}
	}
}
