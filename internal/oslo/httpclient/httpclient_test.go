package httpclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// names is a resolver: each look-up of a name takes the next of its answers.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	answers := n[host]
	if len(answers) == 0 {
		return nil, errors.New("no such host")
	}
	if len(answers) > 1 {
		n[host] = answers[1:]
	}
	var out []netip.Addr
	for a := range strings.SplitSeq(answers[0], " ") {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func get(t *testing.T, c Config, url string, header http.Header) (string, error) {
	t.Helper()
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	res, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// listen serves at an address of its own of the loopback network.
func listen(t *testing.T, h http.HandlerFunc) (url, port string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL, s.URL[strings.LastIndex(s.URL, ":")+1:]
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	var r *Refused
	if !errors.As(err, &r) || !strings.Contains(r.Error(), want) {
		t.Errorf("got %v, want a refusal with %q", err, want)
	}
}

func TestAddresses(t *testing.T) {
	own := func() ([]netip.Prefix, error) { return networks("8.8.4.0/24"), nil }
	for address, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:2800:220:1::1": true, "8.8.4.4": false,
		"127.0.0.1": false, "127.1.2.3": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "172.32.0.1": true,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:ec2::254": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::808:808": true,
		"64:ff9b:1::a00:1": false, "2002:7f00:1::": false, "2002:808:808::1": true, "2002:a9fe:a9fe::1": false,
	} {
		d := &dialer{resolver: names{}, own: own}
		_, err := d.addresses(t.Context(), address)
		if got := err == nil; got != want {
			t.Errorf("%s: allowed is %v, want %v", address, got, want)
		}
	}
	d := &dialer{resolver: names{"both": {"127.0.0.1 8.8.8.8"}}, own: own, allowed: networks("10.0.0.0/8")}
	if got, err := d.addresses(t.Context(), "both"); err != nil || len(got) != 1 || got[0].String() != "8.8.8.8" {
		t.Errorf("got %v, %v: only what is allowed may be connected to", got, err)
	}
	if _, err := d.addresses(t.Context(), "10.9.9.9"); err != nil {
		t.Errorf("an allowed network: %v", err)
	}
}

// TestOwnHost: no address of this host is reached, whatever it is called.
func TestOwnHost(t *testing.T) {
	url, port := listen(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	_, err := get(t, Config{}, url, nil)
	refused(t, err, "its addresses [127.0.0.1] are not allowed")
	_, err = get(t, Config{Resolver: names{"images.example": {"127.0.0.1"}}}, "http://images.example:"+port, nil)
	refused(t, err, "images.example may not be fetched")
	_, err = get(t, Config{Resolver: names{"images.example": {"::ffff:127.0.0.1"}}}, "http://images.example:"+port, nil)
	refused(t, err, "not allowed")
}

func TestFilters(t *testing.T) {
	web := Config{AllowedSchemes: []string{"http", "https"}, AllowedPorts: []int{80, 443}}
	for url, want := range map[string]bool{
		"http://a/b": true, "https://a:443/b": true, "HTTP://a": true, "http://a:8080/": false, "file:///etc/passwd": false,
		"": false, "http://": false, "a/b": false, "http://a:0/": false, "http://a:99999/": false, "http://[::1": false, "ftp://a/": false,
	} {
		if got := web.Passes(url); got != want {
			t.Errorf("%q: got %v, want %v", url, got, want)
		}
	}
	for _, tc := range []struct {
		config Config
		url    string
		want   bool
	}{
		{Config{AllowedHosts: []string{"a"}, DisallowedHosts: []string{"a"}}, "http://a/", true},
		{Config{AllowedHosts: []string{"a"}}, "http://b/", false},
		{Config{DisallowedHosts: []string{"b"}}, "http://B./", false},
		{Config{DisallowedHosts: []string{"b"}}, "http://a/", true},
		{Config{DisallowedSchemes: []string{"http"}}, "http://a/", false},
		{Config{DisallowedPorts: []int{22}}, "http://a:22/", false},
		{Config{DisallowedPorts: []int{22}}, "http://a/", true},
	} {
		if got := tc.config.Passes(tc.url); got != tc.want {
			t.Errorf("%+v %q: got %v", tc.config, tc.url, got)
		}
	}
	bad := Config{AllowedNetworks: []string{"10.0.0.0"}, DisallowedPorts: []int{0}}
	if err := bad.Check(); err == nil || !strings.Contains(err.Error(), `"10.0.0.0" is no network`) || !strings.Contains(err.Error(), "0 is no port") {
		t.Errorf("got %v, want every mistake", err)
	}
}

// TestNeverMatches: what no URL can be like is a mistake and told as one.
func TestNeverMatches(t *testing.T) {
	for want, c := range map[string]Config{
		`"*.example.org" is no host`:          {AllowedHosts: []string{"images.example.org", "*.example.org"}},
		`"http://images.example.org" is no`:   {AllowedHosts: []string{"http://images.example.org"}},
		`"images.example.org:80" is no host`:  {DisallowedHosts: []string{"images.example.org:80"}},
		`"10.0.0.0/8" is no host`:             {DisallowedHosts: []string{"10.0.0.0/8"}},
		`"[2001:db8::1]" is no host`:          {DisallowedHosts: []string{"[2001:db8::1]"}},
		`"" is no host`:                       {DisallowedHosts: []string{""}},
		`"127.1" is no host`:                  {DisallowedHosts: []string{"127.1"}},
		`"gopher" cannot be fetched`:          {AllowedSchemes: []string{"http", "gopher"}},
		`"ftp" cannot be fetched`:             {AllowedSchemes: []string{"ftp"}},
		`"http://" is no scheme`:              {DisallowedSchemes: []string{"http://"}},
		`"http*" is no scheme`:                {AllowedSchemes: []string{"http*"}},
		`"::ffff:10.0.0.0/104" is no network`: {AllowedNetworks: []string{"::ffff:10.0.0.0/104"}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", c, err, want)
		}
	}
	for _, tc := range []struct {
		config Config
		url    string
	}{
		{Config{AllowedHosts: []string{"Images.Example.org."}}, "http://images.example.org/"},
		{Config{AllowedHosts: []string{"2001:DB8:0::1"}}, "http://[2001:db8::1]/"},
		{Config{AllowedHosts: []string{"2001:db8::1"}}, "http://[2001:0db8:0:0::0001]/"},
		{Config{AllowedHosts: []string{"192.0.2.1", "a_b", "xn--bcher-kva.example"}}, "http://a_b/"},
		{Config{AllowedSchemes: []string{"HTTPS"}, DisallowedSchemes: []string{"file", "gopher"}}, "https://a/"},
	} {
		if err := tc.config.Check(); err != nil || !tc.config.Passes(tc.url) {
			t.Errorf("%+v, %s: %v, or it does not pass", tc.config, tc.url, err)
		}
		tc.config.DisallowedHosts, tc.config.AllowedHosts = tc.config.AllowedHosts, nil
		if len(tc.config.DisallowedHosts) > 0 && tc.config.Passes(tc.url) {
			t.Errorf("%+v, %s: it passes", tc.config, tc.url)
		}
	}
}

// TestRedirects: each hop passes the filters and has an allowed address.
func TestRedirects(t *testing.T) {
	var inside atomic.Int32
	_, secret := listen(t, func(http.ResponseWriter, *http.Request) { inside.Add(1) })
	var target string
	_, port := listen(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	// images.example is at an address that is allowed; all others are not.
	c := Config{AllowedNetworks: []string{"127.0.0.1/32"}, AllowedSchemes: []string{"http"}, MaxRedirects: 3,
		Resolver: names{"images.example": {"127.0.0.1"}, "inside.example": {"127.0.0.2"}, "meta.example": {"169.254.169.254"}}}
	for to, want := range map[string]string{
		"http://inside.example:" + secret: "inside.example may not be fetched",
		"http://127.0.0.2:" + secret:      "not allowed",
		"http://meta.example/latest":      "169.254.169.254",
		"file:///etc/passwd":              `the scheme "file" is not allowed`,
		"gopher://images.example/":        `the scheme "gopher" is not allowed`,
		"http://images.example:" + port:   "more than 3 times",
	} {
		target = to
		_, err := get(t, c, "http://images.example:"+port, nil)
		refused(t, err, want)
	}
	if inside.Load() > 0 {
		t.Error("an address inside was reached")
	}
}

// TestRebinding: the name's first answer is good, its second is not. There is
// no second: what was checked is what is connected to.
func TestRebinding(t *testing.T) {
	var inside atomic.Int32
	_, port := listen(t, func(w http.ResponseWriter, _ *http.Request) { inside.Add(1) })
	resolver := names{"rebind.example": {"127.0.0.2", "127.0.0.1"}}
	_, err := get(t, Config{AllowedNetworks: []string{"127.0.0.2/32"}, Resolver: resolver, IdleTimeout: 2 * time.Second},
		"http://rebind.example:"+port, nil)
	if err == nil || inside.Load() > 0 {
		t.Fatalf("got %v: the second answer was used", err)
	}
	if len(resolver["rebind.example"]) != 1 {
		t.Error("the name was not looked up exactly once")
	}
	_, err = get(t, Config{AllowedNetworks: []string{"127.0.0.2/32"}, Resolver: resolver}, "http://rebind.example:"+port, nil)
	refused(t, err, "rebind.example may not be fetched")
}

// TestTokens stay with the host that they are for.
func TestTokens(t *testing.T) {
	seen := make(chan string, 1)
	other, _ := listen(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Auth-Token") })
	var target string
	first, _ := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			seen <- r.Header.Get("X-Auth-Token")
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	})
	c := Config{AllowedNetworks: Everywhere}
	for to, want := range map[string]string{other: "", first + "/here": "secret"} {
		target = to
		if _, err := get(t, c, first, http.Header{"X-Auth-Token": {"secret"}}); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != want {
			t.Errorf("%s was told %q, want %q", to, got, want)
		}
	}
}

func TestIdle(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	url, _ := listen(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "some")
		w.(http.Flusher).Flush()
		<-stop
	})
	client, err := New(Config{AllowedNetworks: Everywhere, IdleTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	some := make([]byte, 4)
	if _, err := io.ReadFull(res.Body, some); err != nil || string(some) != "some" {
		t.Errorf("got %q, %v", some, err)
	}
	body := res.Body.(*idleBody)
	if body.limit != time.Hour {
		t.Errorf("it may stop for %v", body.limit)
	}
	body.limit = 50 * time.Millisecond // from here on, for what came before takes as long as this machine needs
	if n, err := body.Read(some); n != 0 || !errors.Is(err, ErrIdle) {
		t.Errorf("got %d bytes more, %v", n, err)
	}
}

// TestAsSent: a compressed image stays one.
func TestAsSent(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, "bytes")
	w.Close()
	url, _ := listen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	})
	body, err := get(t, Config{AllowedNetworks: Everywhere}, url, nil)
	if err != nil || body != packed.String() {
		t.Errorf("got %q, %v", body, err)
	}
}

// TestTLS: a certificate that nobody vouches for is refused.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer s.Close()
	c := Config{AllowedNetworks: Everywhere}
	if _, err := get(t, c, s.URL, nil); err == nil {
		t.Error("an unknown certificate was taken")
	}
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(s.Certificate())
	if body, err := get(t, c, s.URL, nil); err != nil || body != "hello" {
		t.Errorf("got %q, %v", body, err)
	}
}
