package api_test

import (
	"strings"
	"testing"
)

// TestRevokedSubject shows that a token that is no more is not found, whoever
// asks about it, and not forbidden.
func TestRevokedSubject(t *testing.T) {
	c := newCloud(t)
	c.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "mia", "password": "PASSWORD", "domain_id": "default"}}`, 201)
	mine := c.login(t, "mia", "PASSWORD", "")
	c.subject = c.login(t, "mia", "PASSWORD", "")
	c.must(t, mine, "GET", "/v3/auth/tokens", "", 200)
	c.must(t, mine, "DELETE", "/v3/auth/tokens", "", 204)
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		w := c.do(mine, method, "/v3/auth/tokens", "")
		if w.Code != 404 || method == "GET" && !strings.Contains(w.Body.String(), "Failed to validate token") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

// TestRevokedList: the list of revoked PKI tokens is refused, as by the original.
func TestRevokedList(t *testing.T) {
	if w := newCloud(t).do("", "GET", "/v3/auth/tokens/OS-PKI/revoked", ""); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestTokenToldAnew shows that an answer that is kept goes with the first
// change of anything in it.
func TestTokenToldAnew(t *testing.T) {
	c := newCloud(t)
	c.subject = c.tokens["admin"]
	tell := func(method, path string) string {
		w := c.do(c.subject, method, path, "")
		if w.Code != 200 || w.Header().Get("X-Subject-Token") != c.subject {
			t.Fatalf("%s %s: %d %v", method, path, w.Code, w.Header())
		}
		return w.Body.String()
	}
	first := tell("GET", "/v3/auth/tokens")
	if again := tell("GET", "/v3/auth/tokens"); again != first {
		t.Errorf("told %s, then %s", first, again)
	}
	if head := tell("HEAD", "/v3/auth/tokens"); head != "" {
		t.Errorf("HEAD told %s", head)
	}
	if short := tell("GET", "/v3/auth/tokens?nocatalog"); strings.Contains(short, `"catalog"`) || !strings.Contains(first, `"catalog"`) {
		t.Errorf("without a catalogue: %s", short)
	}
	c.must(t, "admin", "POST", "/v3/services", `{"service": {"type": "weather", "name": "rain"}}`, 201)
	if next := tell("GET", "/v3/auth/tokens"); !strings.Contains(next, "weather") {
		t.Errorf("a new service is not told: %s", next)
	}
}
