package web_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/web"
	"nacre/internal/oslo/httpclient"
)

var image = bytes.Repeat([]byte("0123456789"), 1000)

func server() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/image", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "image", time.Time{}, bytes.NewReader(image))
	})
	mux.HandleFunc("/whole", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(image) })
	mux.Handle("/moved", http.RedirectHandler("/image", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.Handle("/inside", http.RedirectHandler("http://169.254.169.254/latest", http.StatusFound))
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return mux
}

func open(t *testing.T, c web.Config) *web.Store {
	t.Helper()
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRead(t *testing.T) {
	at := httptest.NewServer(server())
	defer at.Close()
	s := open(t, web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	for _, path := range []string{"/image", "/whole", "/moved"} {
		for _, offset := range []int64{0, 4321, 9999} {
			r, err := s.Open(t.Context(), at.URL+path, offset)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || !bytes.Equal(got, image[offset:]) {
				t.Errorf("%s from %d: %d bytes, %v", path, offset, len(got), err)
			}
		}
	}
	if n, err := s.Size(t.Context(), at.URL+"/moved"); n != 10000 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	if _, err := s.Size(t.Context(), at.URL+"/absent"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	if _, err := s.Open(t.Context(), at.URL+"/broken", 0); err == nil {
		t.Error("a teapot was read")
	}
}

// TestRefused: what is inside of the cloud is not read, whoever asks for it.
func TestRefused(t *testing.T) {
	at := httptest.NewServer(server())
	defer at.Close()
	closed, local := open(t, web.Config{}), open(t, web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	for url, s := range map[string]*web.Store{
		at.URL + "/image":         closed,
		"http://169.254.169.254/": closed,
		"http://10.0.0.1/image":   closed,
		"file:///etc/passwd":      local,
		at.URL + "/loop":          local,
		at.URL + "/inside":        local,
	} {
		var refused *httpclient.Refused
		if _, err := s.Open(t.Context(), url, 0); !errors.As(err, &refused) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	at := httptest.NewTLSServer(server())
	defer at.Close()
	local := []string{"127.0.0.0/8"}
	if _, err := open(t, web.Config{AllowedNetworks: local}).Size(t.Context(), at.URL+"/image"); err == nil {
		t.Error("a stranger's certificate was believed")
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, certificate(at), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, web.Config{AllowedNetworks: local, CACertificatesFile: file})
	if n, err := s.Size(t.Context(), at.URL+"/image"); n != 10000 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	if _, err := web.New(web.Config{CACertificatesFile: file + ".absent"}); err == nil {
		t.Error("no certificates were believed")
	}
	if _, err := web.New(web.Config{AllowedNetworks: []string{"here"}}); err == nil {
		t.Error("\"here\" is a network")
	}
}

func certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
