// Package web reads images that web servers keep: the store "http" of the
// original. It never writes and never deletes.
package web

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"nacre/internal/glance/blob"
	"nacre/internal/oslo/httpclient"
)

// Config are the options of a store of that kind.
type Config struct {
	CACertificatesFile string `yaml:"https_ca_certificates_file"` // whom to believe beside the system's authorities' list
	// AllowedNetworks may be reached although they are private, loopback or
	// this host's own: where the cloud's own web servers are.
	AllowedNetworks []string `yaml:"http_allowed_networks"`
}

// Store reads what is at a URL.
type Store struct{ client *http.Client }

// maxRedirects is how many times an answer may point elsewhere.
const maxRedirects = 5

// New makes the store's client.
func New(c Config) (*Store, error) {
	hc := httpclient.Config{AllowedSchemes: []string{"http", "https"}, AllowedNetworks: c.AllowedNetworks, MaxRedirects: maxRedirects}
	if c.CACertificatesFile != "" {
		pem, err := os.ReadFile(c.CACertificatesFile)
		if err != nil {
			return nil, fmt.Errorf("https_ca_certificates_file: %w", err)
		}
		hc.RootCAs = x509.NewCertPool()
		if !hc.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("https_ca_certificates_file: %s has no certificate", c.CACertificatesFile)
		}
	}
	if err := hc.Check(); err != nil {
		return nil, fmt.Errorf("http_allowed_networks: %w", err)
	}
	client, err := httpclient.New(hc)
	return &Store{client}, err
}

// Info implements blob.Remote.
func (s *Store) Info() blob.Info { return blob.Info{Type: "http", Properties: map[string]any{}} }

// Schemes implements blob.Remote.
func (s *Store) Schemes() []string { return []string{"http", "https"} }

// Size implements blob.Remote.
func (s *Store) Size(ctx context.Context, url string) (int64, error) {
	res, err := s.do(ctx, http.MethodHead, url, 0)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return res.ContentLength, nil // which is blob.Unknown if there is none
}

// Open implements blob.Remote. A server that does not do ranges sends all, and
// what was not asked for is dropped.
func (s *Store) Open(ctx context.Context, url string, offset int64) (io.ReadCloser, error) {
	res, err := s.do(ctx, http.MethodGet, url, offset)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusPartialContent {
		return res.Body, nil
	}
	if _, err := io.CopyN(io.Discard, res.Body, offset); err != nil {
		res.Body.Close()
		return nil, fmt.Errorf("image at %s: %w", res.Request.URL.Redacted(), err)
	}
	return res.Body, nil
}

func (s *Store) do(ctx context.Context, method, url string, offset int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		r.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	res, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	switch {
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusPartialContent && offset > 0:
		return res, nil
	case res.StatusCode == http.StatusNotFound:
		err = blob.ErrNotFound
	default:
		err = fmt.Errorf("image at %s: %s", r.URL.Redacted(), res.Status)
	}
	res.Body.Close()
	return nil, err
}
