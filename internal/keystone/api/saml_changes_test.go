package api_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"nacre/internal/keystone/sso"
)

// TestKeysOfServiceProvider has two keys at once, and then only the later one.
func TestKeysOfServiceProvider(t *testing.T) {
	now, nowFile := filed(t, spKey)
	next, nextFile := filed(t, nextKey)
	for what, tc := range map[string]struct {
		keys             []string
		signing, sealing []pair
		opens            map[*x509.Certificate]int
	}{
		"none":      {nil, nil, nil, map[*x509.Certificate]int{now.cert: 401}},
		"now":       {[]string{nowFile}, []pair{now}, []pair{now}, map[*x509.Certificate]int{now.cert: 200, next.cert: 401}},
		"announced": {[]string{nowFile, nextFile}, []pair{now, next}, []pair{now}, map[*x509.Certificate]int{now.cert: 200, next.cert: 200}},
		"changed":   {[]string{nextFile, nowFile}, []pair{next, now}, []pair{next}, map[*x509.Certificate]int{now.cert: 200, next.cert: 200}},
		"next":      {[]string{nextFile}, []pair{next}, []pair{next}, map[*x509.Certificate]int{now.cert: 401, next.cert: 200}},
	} {
		_, i, b := newSAML(t, func(c *sso.SAMLConfig) { c.Keys = tc.keys })
		told := map[string][]string{}
		role := i.metadata.SPSSODescriptors[0]
		for _, d := range role.KeyDescriptors {
			told[d.Use] = append(told[d.Use], d.KeyInfo.X509Data.X509Certificates[0].Data)
		}
		for use, pairs := range map[string][]pair{"signing": tc.signing, "encryption": tc.sealing} {
			var want []string
			for _, p := range pairs {
				want = append(want, base64.StdEncoding.EncodeToString(p.cert.Raw))
			}
			if strings.Join(told[use], " ") != strings.Join(want, " ") {
				t.Errorf("%s: %d keys for %s, want %d", what, len(told[use]), use, len(want))
			}
		}
		if *role.AuthnRequestsSigned != (len(tc.keys) > 0) {
			t.Errorf("%s: signed %v", what, *role.AuthnRequestsSigned)
		}
		i.metadata.SPSSODescriptors[0].KeyDescriptors = nil
		for cert, want := range tc.opens {
			if code, body := i.bringEdited(t, b, func(r *etree.Element) { hide(r, sealing{}.seal(t, cert, written(t, r.FindElement("./Assertion")))) }); code != want {
				t.Errorf("%s: %d %s, want %d", what, code, body, want)
			}
		}
	}
}

// replace writes one file over another, as an operator does while the cloud runs.
func replace(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func contents(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestKeysOfServiceProviderChange: the next key is in use when its file is written, and stays when nonsense is.
func TestKeysOfServiceProviderChange(t *testing.T) {
	now, file := filed(t, spKey)
	next, nextFile := filed(t, nextKey)
	f, i, b := newSAML(t, func(c *sso.SAMLConfig) { c.Keys = []string{file} })
	i.metadata.SPSSODescriptors[0].KeyDescriptors = nil
	holds := func(what string, good, bad pair) {
		t.Helper()
		for p, want := range map[pair]int{good: 200, bad: 401} {
			if code, body := i.bringEdited(t, b, func(r *etree.Element) { hide(r, sealing{}.seal(t, p.cert, written(t, r.FindElement("./Assertion")))) }); code != want {
				t.Errorf("%s: %d %s, want %d", what, code, body, want)
			}
		}
		told := f.visit("GET", samlAt+"/saml2/metadata", nil).Body.String()
		if strings.Count(told, base64.StdEncoding.EncodeToString(good.cert.Raw)) != 2 || strings.Contains(told, base64.StdEncoding.EncodeToString(bad.cert.Raw)) {
			t.Errorf("%s: the metadata tells of %s", what, told)
		}
	}
	holds("before", now, next)
	replace(t, file, contents(t, nextFile))
	holds("changed", next, now)
	replace(t, file, []byte("half a key"))
	holds("broken", next, now)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	holds("gone", next, now)
}

// TestFetchedMetadataOfIdentityProviderChanges: it is fetched again for a
// signature that it does not know, but not at once, however many come.
func TestFetchedMetadataOfIdentityProviderChanges(t *testing.T) {
	f, i, b := newSAML(t, func(c *sso.SAMLConfig) {
		c.Metadata = regexp.MustCompile(`entityID="([^"]*)"`).FindStringSubmatch(string(contents(t, c.Metadata)))[1]
	})
	fetched := 0
	serve := i.at.Config.Handler
	i.at.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metadata" {
			fetched++
		}
		serve.ServeHTTP(w, r)
	})
	other, _ := filed(t, otherKey)
	want := func(what string, status, times int) {
		t.Helper()
		b.cookies = map[string]string{}
		if w := b.bring(t, i.ask(t, b)); w.Code != status || fetched != times {
			t.Errorf("%s: %d %s, fetched %d times", what, w.Code, w.Body, fetched)
		}
	}
	want("before", 200, 1)
	i.Key, i.Certificate = other.key, other.cert
	want("changed a moment later", 401, 1)
	f.clock.ahead = 2 * time.Minute
	want("changed", 200, 2)
	want("again", 200, 2)
	next, _ := filed(t, nextKey)
	i.Key, i.Certificate = next.key, next.cert
	want("changed once more", 401, 2)
	want("changed once more", 401, 2)
}

// TestMetadataOfIdentityProviderChanges: its next key is known when its file is written.
func TestMetadataOfIdentityProviderChanges(t *testing.T) {
	var file string
	_, i, b := newSAML(t, func(c *sso.SAMLConfig) { file = c.Metadata })
	other, _ := filed(t, otherKey)
	text := contents(t, file)
	want := func(what string, status int) {
		t.Helper()
		b.cookies = map[string]string{}
		if w := b.bring(t, i.ask(t, b)); w.Code != status {
			t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
		}
	}
	want("before", 200)
	old := base64.StdEncoding.EncodeToString(i.Certificate.Raw)
	i.Key, i.Certificate = other.key, other.cert
	want("by a key that is not known yet", 401)
	replace(t, file, bytes.ReplaceAll(text, []byte(old), []byte(base64.StdEncoding.EncodeToString(other.cert.Raw))))
	want("changed", 200)
	replace(t, file, text[:100])
	want("broken", 200)
}
