package api_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"nacre/internal/keystone/sso"
)

// pySAML is an identity provider of another make, Debian's python3-pysaml2. It
// wants signed requests, at an address that has parameters of its own.
type pySAML struct{ dir, at string }

func startPySAML(t *testing.T) pySAML {
	t.Helper()
	_, pem := filed(t, idpKey)
	p := pySAML{dir: filepath.Dir(pem)}
	if err := os.Rename(pem, filepath.Join(p.dir, "idp.pem")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/idp.py", p.dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("python3-pysaml2 is not installed: scripts/install test")
	}
	p.at = strings.TrimSpace(line)
	return p
}

// write gives it a file.
func (p pySAML) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// answers says how it answers from now on: encrypted by content, or in plain.
func (p pySAML) answers(t *testing.T, content string, selfContained bool, sign ...string) {
	t.Helper()
	options := map[string]any{"sign": append([]string{}, sign...), "self_contained": selfContained}
	if content != "" {
		options["content"] = content
	}
	p.set(t, options)
}

// encryptsInside has it encrypt the name and the attributes of an assertion that it signs.
func (p pySAML) encryptsInside(t *testing.T, content string) {
	t.Helper()
	p.set(t, map[string]any{"sign": []string{}, "content": content, "inside": true})
}

func (p pySAML) set(t *testing.T, options map[string]any) {
	t.Helper()
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "options.json", text)
}

// newCloud is one that knows it and, with our keys, is known to it.
func (p pySAML) newCloud(t *testing.T, keys ...string) (*federated, *browser) {
	t.Helper()
	f := newFederated(t, sso.Config{TrustedDashboards: []string{dashboard}, Providers: []sso.Party{{IdentityProvider: "idp", Protocol: "saml2",
		SAML: &sso.SAMLConfig{Metadata: p.at + "/metadata", Keys: keys}}}}, samlRules)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"remote_ids": ["`+p.at+`/metadata"]}}`, 200)
	p.write(t, "sp.xml", f.visit("GET", samlAt+"/saml2/metadata", nil).Body.Bytes())
	return f, &browser{f, map[string]string{}}
}

// TestSAMLOfAnotherMake logs in at an identity provider that verifies our
// requests and encrypts its answers.
func TestSAMLOfAnotherMake(t *testing.T) {
	p := startPySAML(t)
	_, now := filed(t, spKey)
	_, next := filed(t, nextKey)
	f, b := p.newCloud(t, now, next)
	i := &samlIDP{}
	for what, tc := range map[string]struct {
		content       string
		selfContained bool
		sign          []string
		status        int
	}{
		"plain":                            {"", false, []string{"assertion"}, 200},
		"AES-128-CBC":                      {"aes128-cbc", true, []string{"assertion"}, 200},
		"AES-256-CBC, both signed":         {"aes256-cbc", true, []string{"assertion", "response"}, 200},
		"AES-128-GCM":                      {"aes128-gcm", true, []string{"assertion"}, 200},
		"AES-256-GCM, the response signed": {"aes256-gcm", true, []string{"response"}, 200},
		"namespaces of the response":       {"aes256-gcm", false, []string{"assertion"}, 200},
		"not signed":                       {"aes256-gcm", true, nil, 401},
		"triple DES":                       {"tripledes-cbc", true, []string{"assertion"}, 401},
	} {
		p.answers(t, tc.content, tc.selfContained, tc.sign...)
		b.cookies = map[string]string{}
		w := b.bring(t, i.ask(t, b))
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		if m := tokenInPage.FindStringSubmatch(w.Body.String()); w.Code == 200 && (m == nil || user(t, f.scoped("token", m[1], f.project))["name"] != "tim") {
			t.Errorf("%s: %s", what, w.Body)
		}
	}
	f.must(t, "admin", "PATCH", fed+"/mappings/m", bothRules, 200)
	for content, status := range map[string]int{"aes128-cbc": 200, "aes256-gcm": 200, "tripledes-cbc": 401} {
		p.encryptsInside(t, content)
		b.cookies = map[string]string{}
		form := i.ask(t, b)
		text, _ := base64.StdEncoding.DecodeString(form.Get("SAMLResponse"))
		if !bytes.Contains(text, []byte("EncryptedID>")) || bytes.Count(text, []byte("EncryptedData ")) != 3 || bytes.Contains(text, []byte("tim")) {
			t.Fatalf("it is not encrypted inside: %s", text)
		}
		w := b.bring(t, form)
		if w.Code != status {
			t.Errorf("inside, %s: %d %s", content, w.Code, w.Body)
		}
		if m := tokenInPage.FindStringSubmatch(w.Body.String()); w.Code == 200 && (m == nil || !strings.HasPrefix(user(t, f.scoped("token", m[1], f.project))["name"].(string), "tim ")) {
			t.Errorf("inside, %s: %s", content, w.Body)
		}
	}
	p.answers(t, "aes256-gcm", true, "assertion")
	changed, err := url.Parse(b.get(t, samlDirect).Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	query := changed.Query()
	if query.Get("tenant") != "1" || query.Get("SigAlg") != "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" {
		t.Errorf("%s", changed)
	}
	query.Set("RelayState", "x")
	changed.RawQuery = query.Encode()
	res, err := http.Get(changed.String())
	if status, body := read(t, res, err); status != 403 {
		t.Errorf("it verifies nothing: %d %s", status, body)
	}
	_, changing := p.newCloud(t, next, now)
	if w := changing.bring(t, i.ask(t, changing)); w.Code != 200 {
		t.Errorf("with the next key: %d %s", w.Code, w.Body)
	}
	_, bare := p.newCloud(t)
	if w := bare.get(t, samlDirect); w.Code != 500 || w.Header().Get("Location") != "" {
		t.Errorf("it sends what the identity provider does not take: %d %s", w.Code, w.Header())
	}
}

// TestSAMLOfAnotherMakeWithoutBrowser carries a signed question there, and an encrypted answer back.
func TestSAMLOfAnotherMakeWithoutBrowser(t *testing.T) {
	p := startPySAML(t)
	_, key := filed(t, spKey)
	f, b := p.newCloud(t, key)
	p.answers(t, "aes256-cbc", true, "assertion")
	w := f.visit("GET", samlAt+"/auth", map[string]string{"PAOS": "x"})
	question := w.Body.String()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(question); err != nil || doc.Root() == nil {
		t.Fatalf("%d %s", w.Code, question)
	}
	consumer := doc.FindElement("//Request[@responseConsumerURL]").SelectAttrValue("responseConsumerURL", "")
	header := doc.FindElement("./Envelope/Header")
	for _, e := range header.ChildElements() {
		if e.Tag != "RelayState" {
			header.RemoveChild(e)
		}
	}
	if status, body := post(t, p.at+"/ecp", strings.Replace(question, `Version="2.0"`, `Version="2.0" IsPassive="true"`, 1)); status != 403 {
		t.Errorf("it verifies nothing: %d %s", status, body)
	}
	status, text := post(t, p.at+"/ecp", question)
	answer := etree.NewDocument()
	if err := answer.ReadFromString(text); err != nil || status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	answer.Root().RemoveChild(answer.FindElement("./Envelope/Header"))
	answer.Root().InsertChildAt(0, header)
	if text, err := answer.WriteToString(); err != nil {
		t.Fatal(err)
	} else if w = b.send(t, "POST", consumer, text, "application/vnd.paos+xml"); w.Code != 302 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if u := user(t, b.get(t, w.Header().Get("Location"))); u["name"] != "tim" {
		t.Errorf("%v", u)
	}
}

func post(t *testing.T, at, body string) (int, string) {
	t.Helper()
	res, err := http.Post(at, "text/xml", strings.NewReader(body))
	return read(t, res, err)
}

func read(t *testing.T, res *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
