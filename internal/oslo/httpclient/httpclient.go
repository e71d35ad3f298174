// Package httpclient is how services fetch what somebody named: an image at a
// tenant's URL, a bucket at an operator's. Every hop is checked alike. Its URL
// passes the filters of scheme, host and port; its name is resolved once, and
// the connection goes to an address of that answer which is allowed. So a name
// that answers otherwise the second time, and a redirect to an address inside
// of the cloud, lead nowhere.
//
// Not allowed, unless Config.AllowedNetworks has them, are loopback, link-local
// (where clouds keep their metadata service), multicast, private and reserved
// networks, and those that this host is attached to.
package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Resolver finds the addresses of a name; a net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config says what may be fetched. An empty list of what is allowed allows
// all; where there is one, the list of what is not allowed is not looked at.
type Config struct {
	AllowedSchemes    []string `yaml:"allowed_schemes"`
	DisallowedSchemes []string `yaml:"disallowed_schemes"`
	AllowedHosts      []string `yaml:"allowed_hosts"`
	DisallowedHosts   []string `yaml:"disallowed_hosts"`
	AllowedPorts      []int    `yaml:"allowed_ports"` // a URL that names no port passes
	DisallowedPorts   []int    `yaml:"disallowed_ports"`
	// AllowedNetworks are networks in CIDR notation that may be reached although
	// they are loopback, private or this host's own. "0.0.0.0/0" and "::/0" are all.
	AllowedNetworks []string `yaml:"allowed_networks"`

	IdleTimeout  time.Duration `yaml:"idle_timeout"`  // between two pieces of an answer, and for its beginning; 1 min
	MaxRedirects int           `yaml:"max_redirects"` // 10; negative: none

	FTP      bool           `yaml:"-"` // fetches ftp URLs too
	Resolver Resolver       `yaml:"-"` // nil: the system's
	RootCAs  *x509.CertPool `yaml:"-"` // nil: the system's
}

// Everywhere is AllowedNetworks for URLs that an operator wrote.
var Everywhere = []string{"0.0.0.0/0", "::/0"}

// Check reports every mistake, among them what no URL can be like.
func (c *Config) Check() error {
	_, err := parseNetworks(c.AllowedNetworks)
	errs := []error{err}
	for _, p := range append(slices.Clone(c.AllowedPorts), c.DisallowedPorts...) {
		if p < 1 || p > 65535 {
			errs = append(errs, fmt.Errorf("%d is no port", p))
		}
	}
	for _, h := range append(slices.Clone(c.AllowedHosts), c.DisallowedHosts...) {
		if !isHost(h) {
			errs = append(errs, fmt.Errorf("%q is no host: want one name or address, as images.example.org; there are no wildcards", h))
		}
	}
	for _, s := range append(slices.Clone(c.AllowedSchemes), c.DisallowedSchemes...) {
		if !schemeForm.MatchString(s) {
			errs = append(errs, fmt.Errorf("%q is no scheme: want one such as https", s))
		}
	}
	for _, s := range c.AllowedSchemes {
		if schemeForm.MatchString(s) && !slices.Contains(c.schemes(), strings.ToLower(s)) {
			errs = append(errs, fmt.Errorf("%q cannot be fetched: want some of %s", s, strings.Join(c.schemes(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// schemes are those that are fetched.
func (c *Config) schemes() []string {
	if c.FTP {
		return []string{"http", "https", "ftp"}
	}
	return []string{"http", "https"}
}

var (
	schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	notInHosts = regexp.MustCompile(`[\x00-\x20"#%*,/:<>?@\[\\\]^\x60{|}\x7f]`)
	numbers    = regexp.MustCompile(`^[0-9.]*$`) // which resolvers may take for an address
)

// isHost reports whether a URL may have that host.
func isHost(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil {
		return true
	}
	return !notInHosts.MatchString(h) && !numbers.MatchString(h)
}

// hostOf is the one spelling of a host.
func hostOf(h string) string {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.String()
	}
	return strings.TrimSuffix(strings.ToLower(h), ".")
}

// Refused is a URL or an address that may not be fetched from.
type Refused struct{ URL, Reason string }

func (r *Refused) Error() string { return fmt.Sprintf("%s may not be fetched: %s", r.URL, r.Reason) }

// New makes a client. Its answers are as they were sent, never decompressed;
// their bodies end with ErrIdle when nothing comes for too long. Headers that
// carry a token are not taken along to another host.
func New(c Config) (*http.Client, error) {
	allowed, err := parseNetworks(c.AllowedNetworks)
	if err != nil {
		return nil, err
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = time.Minute
	}
	if c.MaxRedirects == 0 {
		c.MaxRedirects = 10
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	d := &dialer{resolver: c.Resolver, allowed: allowed, own: ownNetworks, net: net.Dialer{Timeout: c.IdleTimeout}}
	inner := &http.Transport{DialContext: d.dial, DisableCompression: true, TLSHandshakeTimeout: c.IdleTimeout,
		ResponseHeaderTimeout: c.IdleTimeout, MaxIdleConnsPerHost: 4, IdleConnTimeout: c.IdleTimeout,
		TLSClientConfig: &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}}
	return &http.Client{Transport: &checked{c, inner}, CheckRedirect: c.redirect}, nil
}

// Passes says whether the filters of scheme, host and port let a URL through.
// Addresses are looked at when it is fetched.
func (c *Config) Passes(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && c.check(u) == nil
}

func (c *Config) check(u *url.URL) error {
	scheme, host, port := strings.ToLower(u.Scheme), hostOf(u.Hostname()), u.Port()
	number := 0
	if port != "" {
		if _, err := fmt.Sscanf(port, "%d", &number); err != nil || number < 1 || number > 65535 {
			return &Refused{u.Redacted(), "its port is no port"}
		}
	}
	switch {
	case !slices.Contains(c.schemes(), scheme) || !passes(scheme, c.AllowedSchemes, c.DisallowedSchemes, strings.ToLower):
		return &Refused{u.Redacted(), fmt.Sprintf("the scheme %q is not allowed", scheme)}
	case host == "" || !passes(host, c.AllowedHosts, c.DisallowedHosts, hostOf):
		return &Refused{u.Redacted(), fmt.Sprintf("the host %q is not allowed", host)}
	case number > 0 && !passes(number, c.AllowedPorts, c.DisallowedPorts, func(p int) int { return p }):
		return &Refused{u.Redacted(), fmt.Sprintf("the port %d is not allowed", number)}
	}
	return nil
}

// passes compares with each of a list in its one spelling.
func passes[T comparable](v T, allowed, disallowed []T, spelled func(T) T) bool {
	is := func(of T) bool { return spelled(of) == v }
	if len(allowed) > 0 {
		return slices.ContainsFunc(allowed, is)
	}
	return !slices.ContainsFunc(disallowed, is)
}

// redirect lets the next hop's RoundTrip check its URL.
func (c *Config) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > c.MaxRedirects {
		return &Refused{via[0].URL.Redacted(), fmt.Sprintf("it redirects more than %d times", max(c.MaxRedirects, 0))}
	}
	if r.URL.Scheme != via[0].URL.Scheme || r.URL.Host != via[0].URL.Host {
		for _, name := range []string{"X-Auth-Token", "X-Service-Token", "Authorization", "Cookie"} {
			r.Header.Del(name)
		}
	}
	return nil
}

// checked is the transport: it checks each hop and watches its answer.
type checked struct {
	config Config
	inner  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.config.check(r.URL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	res, err := t.fetch(r.WithContext(ctx), cancel)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	res.Body = newIdleBody(ctx, res.Body, t.config.IdleTimeout, cancel)
	return res, nil
}

// fetch is RoundTrip of a hop that was checked.
func (t *checked) fetch(r *http.Request, cancel context.CancelCauseFunc) (*http.Response, error) {
	if r.URL.Scheme != "ftp" {
		return t.inner.RoundTrip(r)
	}
	timer := time.AfterFunc(t.config.IdleTimeout, func() { cancel(ErrIdle) })
	defer timer.Stop()
	res, err := getFTP(r, t.inner.DialContext)
	if cause := context.Cause(r.Context()); err != nil && cause != nil {
		err = cause
	}
	return res, err
}

// CloseIdleConnections implements what http.Client asks for.
func (t *checked) CloseIdleConnections() { t.inner.CloseIdleConnections() }
