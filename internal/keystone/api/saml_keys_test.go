package api_test

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"nacre/internal/keystone/sso"
)

// spKey and nextKey are ours, of now and of later.
var spKey, nextKey = sync.OnceValues(selfSigned), sync.OnceValues(selfSigned)

// filed is a pair, and the file of it.
func filed(t testing.TB, get func() (pair, error)) (pair, string) {
	t.Helper()
	p, err := get()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pair.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return p, file
}

const (
	xenc   = "http://www.w3.org/2001/04/xmlenc#"
	xenc11 = "http://www.w3.org/2009/xmlenc11#"
)

// sealing is how a test encrypts: right, unless it is told otherwise.
type sealing struct {
	content string                                                 // AES-GCM with 256 bits
	method  string                                                 // of the key: RSA-OAEP
	wrap    func(to *x509.Certificate, key []byte) ([]byte, error) // by that method
	key     int                                                    // how many bytes: 32
	changed func([]byte) []byte                                    // what is sent for the initial vector and the text
	as      string                                                 // what the element is: EncryptedAssertion
}

// seal is an EncryptedAssertion, or such another element, of a text.
func (s sealing) seal(t testing.TB, to *x509.Certificate, text string) *etree.Element {
	t.Helper()
	content := cmp.Or(s.content, xenc11+"aes256-gcm")
	key := make([]byte, cmp.Or(s.key, 32))
	_, _ = rand.Read(key)
	sent, err := encrypt(key, text, strings.HasSuffix(content, "cbc"))
	if err != nil {
		t.Fatal(err)
	}
	if s.changed != nil {
		sent = s.changed(sent)
	}
	if s.wrap == nil {
		s.wrap = byOAEP
	}
	wrapped, err := s.wrap(to, key)
	if err != nil {
		t.Fatal(err)
	}
	method := cmp.Or(s.method, `<xenc:EncryptionMethod Algorithm="`+xenc+`rsa-oaep-mgf1p"/>`)
	as := cmp.Or(s.as, "EncryptedAssertion")
	doc := etree.NewDocument()
	err = doc.ReadFromString(`<saml:` + as + ` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xenc="` + xenc + `" xmlns:xenc11="` + xenc11 + `" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` +
		`<xenc:EncryptedData Type="` + xenc + `Element"><xenc:EncryptionMethod Algorithm="` + content + `"/><ds:KeyInfo><xenc:EncryptedKey>` + method +
		`<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(wrapped) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>` +
		`<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(sent) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:` + as + `>`)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

func byOAEP(to *x509.Certificate, key []byte) ([]byte, error) {
	return rsa.EncryptOAEP(sha1.New(), rand.Reader, to.PublicKey.(*rsa.PublicKey), key, nil)
}

func byPKCS(to *x509.Certificate, key []byte) ([]byte, error) {
	//lint:ignore SA1019 it is to be refused
	return rsa.EncryptPKCS1v15(rand.Reader, to.PublicKey.(*rsa.PublicKey), key)
}

// byOpenSSL is RSA-OAEP of another make, with these hashes.
func byOpenSSL(t testing.TB, digest, mask string) func(*x509.Certificate, []byte) ([]byte, error) {
	return func(to *x509.Certificate, key []byte) ([]byte, error) {
		file := filepath.Join(t.TempDir(), "cert.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: to.Raw}), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(t.Context(), "openssl", "pkeyutl", "-encrypt", "-certin", "-inkey", file, "-pkeyopt", "rsa_padding_mode:oaep",
			"-pkeyopt", "rsa_oaep_md:"+digest, "-pkeyopt", "rsa_mgf1_md:"+mask)
		cmd.Stdin = bytes.NewReader(key)
		return cmd.Output()
	}
}

// encrypt puts the initial vector in front.
func encrypt(key []byte, text string, cbc bool) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv)
	if !cbc {
		iv = iv[:aead.NonceSize()]
		return aead.Seal(iv, iv, []byte(text), nil), nil
	}
	pad := aes.BlockSize - len(text)%aes.BlockSize
	out := append([]byte(text), make([]byte, pad)...)
	out[len(out)-1] = byte(pad)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return append(iv, out...), nil
}

// written is an element as text.
func written(t testing.TB, e *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	out, err := doc.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newSealedSAML is newSAML with a key of ours, and an identity provider that does not encrypt by itself.
func newSealedSAML(t testing.TB) (*samlIDP, *browser, *x509.Certificate) {
	t.Helper()
	own, file := filed(t, spKey)
	_, i, b := newSAML(t, func(c *sso.SAMLConfig) { c.Keys = []string{file} })
	i.metadata.SPSSODescriptors[0].KeyDescriptors = nil
	return i, b, own.cert
}

// bringEdited asks, and brings the answer with an edited response.
func (i *samlIDP) bringEdited(t testing.TB, b *browser, edit func(r *etree.Element)) (int, string) {
	t.Helper()
	b.cookies = map[string]string{}
	w := b.bring(t, change(t, i.ask(t, b), edit))
	return w.Code, w.Body.String()
}

// signed is an assertion with a new signature of the identity provider.
func (i *samlIDP) signed(t testing.TB, a *etree.Element) *etree.Element {
	t.Helper()
	ctx := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore{Certificate: [][]byte{i.Certificate.Raw}, PrivateKey: i.Key})
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	out, err := ctx.SignEnveloped(a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hide puts an encrypted assertion in the place of the plain one; the response is not signed.
func hide(r *etree.Element, sealed *etree.Element) {
	unsigned(r)
	a := r.FindElement("./Assertion")
	r.InsertChildAt(a.Index(), sealed)
	r.RemoveChild(a)
}

// TestEncryptedAssertions takes those that are encrypted in the ways that our metadata names, and a few more.
func TestEncryptedAssertions(t *testing.T) {
	i, b, own := newSealedSAML(t)
	other, _ := filed(t, otherKey)
	cbc := func(bits string) string { return xenc + "aes" + bits + "-cbc" }
	oaep := func(of, digest, mask string) string {
		return `<xenc:EncryptionMethod Algorithm="` + of + `">` + digest + mask + `</xenc:EncryptionMethod>`
	}
	by256, mask256 := `<ds:DigestMethod Algorithm="`+xenc+`sha256"/>`, `<xenc11:MGF Algorithm="`+xenc11+`mgf1sha256"/>`
	for what, s := range map[string]sealing{
		"AES-256-GCM":          {},
		"AES-128-GCM":          {content: xenc11 + "aes128-gcm", key: 16},
		"AES-256-CBC":          {content: cbc("256")},
		"AES-128-CBC":          {content: cbc("128"), key: 16},
		"SHA-256":              {method: oaep(xenc+"rsa-oaep-mgf1p", by256, ""), wrap: byOpenSSL(t, "sha256", "sha1")},
		"SHA-256, its mask":    {method: oaep(xenc11+"rsa-oaep", by256, mask256), wrap: byOpenSSL(t, "sha256", "sha256")},
		"newer name, defaults": {method: oaep(xenc11+"rsa-oaep", "", ""), wrap: byOpenSSL(t, "sha1", "sha1")},
	} {
		if code, body := i.bringEdited(t, b, func(r *etree.Element) { hide(r, s.seal(t, own, written(t, r.FindElement("./Assertion")))) }); code != 200 {
			t.Errorf("%s: %d %s", what, code, body)
		}
	}
	for what, edit := range map[string]func(e *etree.Element, key *etree.Element){
		"the key beside the data": func(e, key *etree.Element) { e.AddChild(key) },
		"for others, too": func(_, key *etree.Element) {
			others := sealing{}.seal(t, other.cert, "").FindElement(".//EncryptedKey")
			key.Parent().InsertChildAt(0, others)
		},
		"on several lines": func(e, _ *etree.Element) {
			for _, v := range e.FindElements(".//CipherValue") {
				v.SetText("\n" + v.Text()[:60] + "\r\n" + v.Text()[60:] + "\n")
			}
		},
	} {
		if code, body := i.bringEdited(t, b, func(r *etree.Element) {
			e := sealing{}.seal(t, own, written(t, r.FindElement("./Assertion")))
			edit(e, e.FindElement(".//EncryptedKey"))
			hide(r, e)
		}); code != 200 {
			t.Errorf("%s: %d %s", what, code, body)
		}
	}
	// The namespaces may be those of the response.
	if code, body := i.bringEdited(t, b, func(r *etree.Element) {
		a := r.FindElement("./Assertion")
		r.CreateAttr("xmlns:saml", a.RemoveAttr("xmlns:saml").Value)
		hide(r, sealing{}.seal(t, own, written(t, a)))
	}); code != 200 {
		t.Errorf("namespaces of the response: %d %s", code, body)
	}
	_, file := filed(t, spKey)
	_, i, b = newSAML(t, func(c *sso.SAMLConfig) { c.Keys = []string{file} })
	form := i.ask(t, b) // encrypted by the library, in a response that is signed over it
	if text, _ := base64.StdEncoding.DecodeString(form.Get("SAMLResponse")); !bytes.Contains(text, []byte("EncryptedAssertion")) {
		t.Fatalf("it is not encrypted: %s", text)
	}
	if w := b.bring(t, form); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := b.bring(t, form); w.Code != 401 {
		t.Errorf("brought again: %d", w.Code)
	}
}

// TestEncryptedAssertionsRefused has those who cannot decrypt an answer, or have
// one for themselves, try: what is wrong with it they are not told.
func TestEncryptedAssertionsRefused(t *testing.T) {
	i, b, own := newSealedSAML(t)
	other, _ := filed(t, otherKey)
	_, refusal := i.bringEdited(t, b, func(r *etree.Element) { unsigned(r); unsigned(r.FindElement("./Assertion")) })
	refused := func(what string, edit func(r *etree.Element)) {
		t.Helper()
		if code, body := i.bringEdited(t, b, edit); code != 401 || body != refusal {
			t.Errorf("%s: %d %s", what, code, body)
		}
	}
	cbc := xenc + "aes256-cbc"
	flip := func(at int) func([]byte) []byte {
		return func(sent []byte) []byte { sent[(at+len(sent))%len(sent)] ^= 1; return sent }
	}
	cut := func(n int) func([]byte) []byte {
		return func(sent []byte) []byte { return sent[:max(0, (n+len(sent))%len(sent))] }
	}
	for what, s := range map[string]sealing{
		"the tag changed":                 {changed: flip(-1)},
		"the nonce changed":               {changed: flip(0)},
		"the text changed":                {changed: flip(200)},
		"half a nonce":                    {changed: cut(6)},
		"no tag":                          {changed: cut(12)},
		"CBC: the padding is too long":    {content: cbc, changed: func(sent []byte) []byte { sent[len(sent)-17] ^= 0x40; return sent }},
		"CBC: the padding is none":        {content: cbc, changed: func(sent []byte) []byte { return sent[:len(sent)-16] }},
		"CBC: the last block changed":     {content: cbc, changed: flip(-1)},
		"CBC: a block in between":         {content: cbc, changed: flip(400)},
		"CBC: the first block changed":    {content: cbc, changed: flip(2)},
		"CBC: half a block":               {content: cbc, changed: cut(-8)},
		"CBC: no block":                   {content: cbc, changed: cut(16)},
		"CBC: half a vector":              {content: cbc, changed: cut(8)},
		"nothing":                         {changed: cut(0)},
		"triple DES":                      {content: xenc + "tripledes-cbc", key: 24},
		"no cipher":                       {content: "x"},
		"a key that is too short":         {key: 16},
		"CBC with a key that is too long": {content: xenc + "aes128-cbc"},
		"RSA by PKCS 1.5":                 {method: `<xenc:EncryptionMethod Algorithm="` + xenc + `rsa-1_5"/>`, wrap: byPKCS},
		"RSA by PKCS 1.5, denied":         {wrap: byPKCS},
		"an unknown hash":                 {method: `<xenc:EncryptionMethod Algorithm="` + xenc + `rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="x"/></xenc:EncryptionMethod>`},
		"an unknown mask":                 {method: `<xenc:EncryptionMethod Algorithm="` + xenc11 + `rsa-oaep"><xenc11:MGF Algorithm="x"/></xenc:EncryptionMethod>`},
		"a label":                         {method: `<xenc:EncryptionMethod Algorithm="` + xenc + `rsa-oaep-mgf1p"><xenc:OAEPparams>eA==</xenc:OAEPparams></xenc:EncryptionMethod>`},
		"no method":                       {method: ` `},
	} {
		refused(what, func(r *etree.Element) { hide(r, s.seal(t, own, written(t, r.FindElement("./Assertion")))) })
	}
	for what, edit := range map[string]func(r, a *etree.Element) string{ // what is encrypted
		"not signed":      func(_, a *etree.Element) string { unsigned(a); return written(t, a) },
		"renamed":         func(_, a *etree.Element) string { name(a, "admin"); return written(t, a) },
		"no XML":          func(*etree.Element, *etree.Element) string { return "tim" },
		"nothing":         func(*etree.Element, *etree.Element) string { return "" },
		"no assertion":    func(r, _ *etree.Element) string { return written(t, r) },
		"a document type": func(_, a *etree.Element) string { return `<!DOCTYPE x [<!ENTITY e "e">]>` + written(t, a) },
		"one and another": func(_, a *etree.Element) string {
			good := written(t, a)
			unsigned(a)
			name(a, "admin")
			return good + written(t, a)
		},
		"another and one": func(_, a *etree.Element) string {
			good := written(t, a)
			unsigned(a)
			name(a, "admin")
			return written(t, a) + good
		},
		"encrypted twice": func(_, a *etree.Element) string { return written(t, sealing{}.seal(t, own, written(t, a))) },
		"the signed one inside another": func(_, a *etree.Element) string {
			evil := a.Copy()
			name(evil, "admin")
			evil.SelectAttr("ID").Value = "evil"
			evil.FindElement("./Signature").CreateElement("ds:Object").AddChild(a.Copy())
			return written(t, evil)
		},
		"one in plain beside it": func(r, a *etree.Element) string {
			evil := a.Copy()
			unsigned(evil)
			name(evil, "admin")
			r.AddChild(evil)
			return written(t, a)
		},
		"another beside a signed one": func(r, a *etree.Element) string {
			r.AddChild(a.Copy())
			unsigned(a)
			name(a, "admin")
			return written(t, a)
		},
		"another beside a signed one in extensions": func(r, a *etree.Element) string {
			r.CreateElement("samlp:Extensions").AddChild(a.Copy())
			name(a, "admin")
			return written(t, a)
		},
		"two": func(r, a *etree.Element) string {
			evil := a.Copy()
			unsigned(evil)
			name(evil, "admin")
			r.AddChild(sealing{}.seal(t, own, written(t, evil)))
			return written(t, a)
		},
		"a condition taken away": func(_, a *etree.Element) string { a.RemoveChild(a.FindElement("./Conditions")); return written(t, a) },
	} {
		refused("encrypted: "+what, func(r *etree.Element) {
			a := r.FindElement("./Assertion")
			inside := edit(r, a.Copy())
			hide(r, sealing{}.seal(t, own, inside))
		})
	}
	for what, edit := range map[string]func(e *etree.Element){
		"content of an element": func(e *etree.Element) { e.FindElement("./EncryptedData").SelectAttr("Type").Value = xenc + "Content" },
		"no data":               func(e *etree.Element) { e.RemoveChild(e.FindElement("./EncryptedData")) },
		"no key":                func(e *etree.Element) { e.FindElement(".//KeyInfo").Child = nil },
		"data that is elsewhere": func(e *etree.Element) {
			d := e.FindElement("./EncryptedData/CipherData")
			d.Child = nil
			d.CreateElement("xenc:CipherReference").CreateAttr("URI", "http://127.0.0.1/")
		},
		"no text":     func(e *etree.Element) { e.FindElement("./EncryptedData/CipherData/CipherValue").SetText("?") },
		"no key text": func(e *etree.Element) { e.FindElement(".//EncryptedKey/CipherData/CipherValue").SetText("AAAA") },
		"five keys": func(e *etree.Element) {
			for range 4 {
				e.AddChild(e.FindElement(".//EncryptedKey").Copy())
			}
		},
		"in the name of another": func(e *etree.Element) { e.Space = "samlp" },
	} {
		refused(what, func(r *etree.Element) {
			e := sealing{}.seal(t, own, written(t, r.FindElement("./Assertion")))
			edit(e)
			hide(r, e)
		})
	}
	refused("for another", func(r *etree.Element) {
		hide(r, sealing{}.seal(t, other.cert, written(t, r.FindElement("./Assertion"))))
	})
	refused("signed with another in its advice", func(r *etree.Element) {
		a := r.FindElement("./Assertion")
		unsigned(a)
		a.CreateElement("saml:Advice").AddChild(a.Copy())
		hide(r, sealing{}.seal(t, own, written(t, i.signed(t, a))))
	})
	if code, body := i.bringEdited(t, b, func(r *etree.Element) { // the same without
		a := r.FindElement("./Assertion")
		unsigned(a)
		hide(r, sealing{}.seal(t, own, written(t, i.signed(t, a))))
	}); code != 200 {
		t.Errorf("signed: %d %s", code, body)
	}
	refused("signed in plain", func(r *etree.Element) { // the signature of the response is over another text
		a := r.FindElement("./Assertion")
		r.InsertChildAt(a.Index(), sealing{}.seal(t, own, written(t, a)))
		r.RemoveChild(a)
	})
	i.metadata.EntityID = "https://x.example"
	refused("for another audience", func(r *etree.Element) { hide(r, sealing{}.seal(t, own, written(t, r.FindElement("./Assertion")))) })
	_, i, b = newSAML(t, nil)
	refused("without a key of ours", func(r *etree.Element) { hide(r, sealing{}.seal(t, own, written(t, r.FindElement("./Assertion")))) })
}

// bothRules make users by an attribute and the name of the subject.
const bothRules = `{"mapping": {"rules": [
	{"local": [{"user": {"name": "{0} {1}"}}, {"group": {"name": "staff", "domain": {"name": "federated"}}}], "remote": [{"type": "uid"}, {"type": "REMOTE_USER"}]}]}}`

// within puts encrypted elements into the place of the name and of all attributes of a plain assertion.
func within(t testing.TB, a *etree.Element, id, attribute sealing, to *x509.Certificate) {
	t.Helper()
	id.as, attribute.as = cmp.Or(id.as, "EncryptedID"), cmp.Or(attribute.as, "EncryptedAttribute")
	for path, s := range map[string]sealing{"./Subject/NameID": id, "./AttributeStatement/Attribute": attribute} {
		for _, e := range a.FindElements(path) {
			e.Parent().InsertChildAt(e.Index(), s.seal(t, to, written(t, e)))
			e.Parent().RemoveChild(e)
		}
	}
}

// TestEncryptedNamesAndAttributes takes an assertion whose parts are encrypted
// for what it says, and refuses one that has a part which it cannot read.
func TestEncryptedNamesAndAttributes(t *testing.T) {
	own, file := filed(t, spKey)
	other, _ := filed(t, otherKey)
	f, i, b := newSAML(t, func(c *sso.SAMLConfig) { c.Keys = []string{file} })
	i.metadata.SPSSODescriptors[0].KeyDescriptors = nil
	f.must(t, "admin", "PATCH", fed+"/mappings/m", bothRules, 200)
	_, refusal := i.bringEdited(t, b, func(r *etree.Element) { unsigned(r); unsigned(r.FindElement("./Assertion")) })
	brought := func(what string, status int, edit func(a *etree.Element) *etree.Element) {
		t.Helper()
		code, body := i.bringEdited(t, b, func(r *etree.Element) {
			a := r.FindElement("./Assertion").Copy()
			unsigned(a)
			hide(r, edit(a))
		})
		if code != status || code == 401 && body != refusal {
			t.Errorf("%s: %d %s", what, code, body)
		}
		if m := tokenInPage.FindStringSubmatch(body); status == 200 && (m == nil || user(t, f.scoped("token", m[1], f.project))["name"] != "tim tim@idp") {
			t.Errorf("%s: %s", what, body)
		}
	}
	brought("parts", 200, func(a *etree.Element) *etree.Element {
		within(t, a, sealing{}, sealing{content: xenc + "aes128-cbc", key: 16}, own.cert)
		return i.signed(t, a)
	})
	brought("parts of what is encrypted whole", 200, func(a *etree.Element) *etree.Element {
		within(t, a, sealing{}, sealing{}, own.cert)
		return sealing{}.seal(t, own.cert, written(t, i.signed(t, a)))
	})
	brought("encrypted after it was signed", 401, func(a *etree.Element) *etree.Element {
		a = i.signed(t, a)
		within(t, a, sealing{}, sealing{}, own.cert)
		return a
	})
	for what, tc := range map[string]struct {
		id, attribute sealing
		to            *x509.Certificate
	}{
		"for another":                   {to: other.cert},
		"a name by triple DES":          {id: sealing{content: xenc + "tripledes-cbc", key: 24}},
		"attributes by triple DES":      {attribute: sealing{content: xenc + "tripledes-cbc", key: 24}},
		"a changed name":                {id: sealing{changed: func(sent []byte) []byte { sent[20] ^= 1; return sent }}},
		"a changed attribute":           {attribute: sealing{changed: func(sent []byte) []byte { sent[20] ^= 1; return sent }}},
		"a name that is an attribute":   {id: sealing{as: "EncryptedAttribute"}},
		"attributes that are names":     {attribute: sealing{as: "EncryptedID"}},
		"attributes that are nothing":   {attribute: sealing{changed: func([]byte) []byte { return nil }}},
		"attributes that are assertion": {attribute: sealing{as: "EncryptedAssertion"}},
	} {
		brought(what, 401, func(a *etree.Element) *etree.Element {
			within(t, a, tc.id, tc.attribute, cmp.Or(tc.to, own.cert))
			return i.signed(t, a)
		})
	}
	for what, text := range map[string]func(e *etree.Element) string{
		"no XML":         func(*etree.Element) string { return "tim" },
		"two attributes": func(e *etree.Element) string { return written(t, e) + written(t, e) },
		"encrypted twice": func(e *etree.Element) string {
			return written(t, sealing{as: "EncryptedAttribute"}.seal(t, own.cert, written(t, e)))
		},
		"one encrypted within": func(e *etree.Element) string {
			e = e.Copy()
			e.AddChild(sealing{as: "EncryptedID"}.seal(t, own.cert, "<x/>"))
			return written(t, e)
		},
		"of no namespace": func(*etree.Element) string {
			return `<Attribute Name="uid"><AttributeValue>admin</AttributeValue></Attribute>`
		},
	} {
		brought(what, 401, func(a *etree.Element) *etree.Element {
			st := a.FindElement("./AttributeStatement")
			st.AddChild(sealing{as: "EncryptedAttribute"}.seal(t, own.cert, text(st.FindElement("./Attribute"))))
			return i.signed(t, a)
		})
	}
	f, i, b = newSAML(t, nil)
	brought("without a key of ours", 401, func(a *etree.Element) *etree.Element {
		within(t, a, sealing{}, sealing{}, own.cert)
		return i.signed(t, a)
	})
}
