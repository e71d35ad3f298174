package httpapi

import (
	"encoding/base64"
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestCertificateIn: what proxies write is read, and nothing else is a certificate.
func TestCertificateIn(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	der := s.Certificate().Raw
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	escaped, encoded := url.PathEscape(text), base64.StdEncoding.EncodeToString(der)
	for name, tc := range map[string]struct {
		values []string
		ok     bool
	}{
		"nginx": {[]string{escaped}, true}, "HAProxy": {[]string{encoded}, true}, "a query's escapes": {[]string{url.QueryEscape(text)}, false},
		"none": {nil, false}, "empty": {[]string{""}, false}, "two headers": {[]string{escaped, escaped}, false}, "two in one": {[]string{escaped + escaped}, false},
		"a key": {[]string{url.PathEscape(strings.ReplaceAll(text, "CERTIFICATE", "PRIVATE KEY"))}, false}, "half": {[]string{encoded[:len(encoded)/2]}, false},
		"a percent sign": {[]string{"%"}, false},
	} {
		if got := certificateIn(tc.values); (got != nil) != tc.ok || got != nil && !got.Equal(s.Certificate()) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestTokenOf: a token comes in its header, or as OAuth 2.0 sends it.
func TestTokenOf(t *testing.T) {
	for want, headers := range map[string][2]string{"a": {"a", ""}, "b": {"b", "Bearer c"}, "c": {"", "bearer c"}, "": {"", "Basic YTpi"}} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Auth-Token", headers[0])
		r.Header.Set("Authorization", headers[1])
		if got := tokenOf(r); got != want {
			t.Errorf("%v: %q", headers, got)
		}
	}
}
