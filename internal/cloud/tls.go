package cloud

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"nacre/internal/oslo/config"
)

// TLS says how the APIs are served: in the clear, if it is empty.
type TLS struct {
	Cert     string `yaml:"cert"`      // file of the APIs' certificate, in PEM, with those between it and its authority
	Key      string `yaml:"key"`       // file of its key
	ClientCA string `yaml:"client_ca"` // file of the authorities whose certificates of clients are believed; none when empty
	CA       string `yaml:"ca"`        // file of the authorities that clients of this cloud are to trust, OS_CACERT; the machine's when empty
}

func (t TLS) check(host string) error {
	if t.Cert == "" && t.Key == "" {
		if t.ClientCA != "" {
			return errors.New("tls: client_ca goes with cert and key")
		}
		_, err := t.authorities()
		return err
	}
	cfg, err := t.read()
	if err == nil {
		err = cfg.Certificates[0].Leaf.VerifyHostname(host) // the catalogue names it
	}
	if err == nil {
		_, err = t.authorities()
	}
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// read reads what a listener needs.
func (t TLS) read() (*tls.Config, error) {
	if t.Cert == "" || t.Key == "" {
		return nil, errors.New("cert and key go together")
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if t.ClientCA != "" {
		cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		err = addFile(cfg.ClientCAs, t.ClientCA)
	}
	return cfg, err
}

// authorities are those that this process trusts as a client, nil for the machine's.
func (t TLS) authorities() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	return pool, addFile(pool, t.CA)
}

func addFile(pool *x509.CertPool, file string) error {
	text, err := os.ReadFile(file)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate", file)
	}
	return err
}

// sockets is how this process is a client of others: authorities that have
// changed hold from the next call on.
func (t TLS) sockets() (http.RoundTripper, error) {
	if t.CA == "" {
		return nil, nil
	}
	now, err := config.Watch(t.transport, t.CA)
	return trusting{now}, err
}

func (t TLS) transport() (*http.Transport, error) {
	pool, err := t.authorities()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return transport, err
}

// trusting calls by the transport of the moment.
type trusting struct {
	now *config.Files[*http.Transport]
}

// RoundTrip implements http.RoundTripper.
func (t trusting) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.now.Current().RoundTrip(r)
}

// listener is what connections are accepted with: files that have changed hold
// from the next one on. nil is a listener in the clear.
func (t TLS) listener() (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	now, err := config.Watch(t.read, t.Cert, t.Key, t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return now.Current(), nil }}, nil
}
