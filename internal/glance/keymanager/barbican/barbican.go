// Package barbican finds certificates in the key manager service, with the
// rights of whoever asks for them.
package barbican

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"nacre/internal/glance/keymanager"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/httpclient"
	"nacre/internal/oslo/uuid"
)

// Config are the options of the key manager service, under the original's names.
type Config struct {
	Endpoint     string `yaml:"barbican_endpoint"`      // "" asks the catalogue
	EndpointType string `yaml:"barbican_endpoint_type"` // of the catalogue: public (the default), internal or admin
	Region       string `yaml:"barbican_region_name"`   // of the catalogue; "" is any
	CAFile       string `yaml:"verify_ssl_path"`        // certificates that are believed; "" is the system's
}

// Catalogue tells where services are.
type Catalogue interface {
	// EndpointOf is the address of a type of service; "" if there is none.
	EndpointOf(ctx context.Context, service, region, availability string) (string, error)
}

// Barbican is the key manager service.
type Barbican struct {
	config    Config
	catalogue Catalogue
	client    *http.Client
}

// New makes a client.
func New(c Config, catalogue Catalogue) (*Barbican, error) {
	h := httpclient.Config{AllowedNetworks: httpclient.Everywhere, IdleTimeout: 20 * time.Second}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("verify_ssl_path: %w", err)
		}
		if h.RootCAs = x509.NewCertPool(); !h.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("verify_ssl_path: no certificate in %s", c.CAFile)
		}
	}
	if c.EndpointType == "" {
		c.EndpointType = "public"
	}
	client, err := httpclient.New(h)
	return &Barbican{c, catalogue, client}, err
}

// formats are the original's words for the types of secrets that are no certificates.
var formats = map[string]keymanager.Format{"symmetric": "RAW", "passphrase": "RAW", "public": "SubjectPublicKeyInfo", "private": "PKCS8", "opaque": "Opaque"}

// Certificate implements keymanager.KeyManager.
func (b *Barbican) Certificate(ctx context.Context, id string) (*keymanager.Certificate, error) {
	if !uuid.Valid(id) {
		return nil, keymanager.ErrNotFound
	}
	base, err := b.endpoint(ctx)
	if err != nil {
		return nil, err
	}
	secret := base + "/secrets/" + url.PathEscape(id)
	text, err := b.get(ctx, secret, "application/json")
	if err != nil {
		return nil, err
	}
	var about struct {
		Type         string            `json:"secret_type"`
		ContentTypes map[string]string `json:"content_types"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("%s: %w", secret, err)
	}
	if about.Type != "certificate" {
		if f, ok := formats[about.Type]; ok {
			return nil, f
		}
		return nil, fmt.Errorf("%s is a secret of the type %q", secret, about.Type)
	}
	kind := about.ContentTypes["default"]
	if kind == "" {
		return nil, fmt.Errorf("%s has no payload", secret)
	}
	if text, err = b.get(ctx, secret+"/payload", kind); err != nil {
		return nil, err
	}
	return keymanager.Parse(text)
}

// endpoint is where the resources of the service are.
func (b *Barbican) endpoint(ctx context.Context) (string, error) {
	at := b.config.Endpoint
	if at == "" {
		var err error
		if at, err = b.catalogue.EndpointOf(ctx, "key-manager", b.config.Region, b.config.EndpointType); err != nil {
			return "", err
		}
	}
	if at == "" {
		return "", errors.New("the catalogue has no service of the type key-manager")
	}
	return strings.TrimSuffix(strings.TrimRight(at, "/"), "/v1") + "/v1", nil
}

// maxAnswer is more than any certificate has, in bytes.
const maxAnswer = 64 << 10

func (b *Barbican) get(ctx context.Context, url, kind string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", kind)
	r.Header.Set("X-Auth-Token", auth.Caller(ctx).Token)
	if id := auth.RequestID(ctx); id != "" {
		r.Header.Set("X-Openstack-Request-Id", id)
	}
	res, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, keymanager.ErrNotFound
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxAnswer))
}
