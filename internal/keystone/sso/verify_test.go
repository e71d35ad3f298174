package sso

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/config"
)

const (
	fuzzIDP = "https://idp.example"
	fuzzAt  = "https://cloud.example"
)

// fuzzed is a service provider of an identity provider whose key is pair's, with the same key.
func fuzzed(t testing.TB) *SAML {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := watchKeys(pairFile(t, key, key))
	if err != nil {
		t.Fatal(err)
	}
	return &SAML{at: fuzzAt, keys: keys, clock: clock.System, idp: &saml.EntityDescriptor{EntityID: fuzzIDP},
		certs: []*x509.Certificate{keys.Current()[0].Leaf}, read: clock.System.Now(), stamp: config.Stamp("")}
}

// fuzzAnswer is a response that s takes, whose assertion is signed over a name that is encrypted.
func fuzzAnswer(t testing.TB, s *SAML) *etree.Element {
	now := s.clock.Now()
	a := &saml.Assertion{ID: "a", IssueInstant: now, Version: "2.0", Issuer: saml.Issuer{Value: fuzzIDP},
		Subject: &saml.Subject{NameID: &saml.NameID{Value: "tim@idp"}, SubjectConfirmations: []saml.SubjectConfirmation{{Method: bearer,
			SubjectConfirmationData: &saml.SubjectConfirmationData{NotOnOrAfter: now.Add(24 * time.Hour), Recipient: s.ConsumerURL(), InResponseTo: "q"}}}},
		Conditions:          &saml.Conditions{NotOnOrAfter: now.Add(24 * time.Hour), AudienceRestrictions: []saml.AudienceRestriction{{Audience: saml.Audience{Value: s.EntityID()}}}},
		AuthnStatements:     []saml.AuthnStatement{{AuthnInstant: now}},
		AttributeStatements: []saml.AttributeStatement{{Attributes: []saml.Attribute{attribute("uid", "tim")}}}}
	r := saml.Response{ID: "r", Version: "2.0", InResponseTo: "q", IssueInstant: now, Destination: s.ConsumerURL(),
		Status: saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}}, Assertion: a}
	answer := r.Element()
	e := child(answer, assertionNS, "Assertion")
	conceal(t, s, child(child(e, assertionNS, "Subject"), assertionNS, "NameID"), "EncryptedID")
	sig, err := signature(s.keys.Current()[0], e)
	if err != nil {
		t.Fatal(err)
	}
	e.InsertChildAt(1, sig)
	return answer
}

// conceal encrypts an element in its place, as another library does it.
func conceal(t testing.TB, s *SAML, e *etree.Element, tag string) {
	e.CreateAttr("xmlns:saml", assertionNS)
	how := xmlenc.OAEP()
	how.DigestMethod = xmlenc.SHA1
	data, err := how.Encrypt(s.keys.Current()[0].Leaf, []byte(textOf(t, e)), nil)
	if err != nil {
		t.Fatal(err)
	}
	hidden := etree.NewElement("saml:" + tag)
	hidden.CreateAttr("xmlns:saml", assertionNS)
	hidden.AddChild(data)
	e.Parent().InsertChildAt(e.Index(), hidden)
	e.Parent().RemoveChild(e)
}

func textOf(t testing.TB, e *etree.Element) string {
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	text, err := doc.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzAnswer edits answers: what is taken of one is what was signed.
func FuzzAnswer(f *testing.F) {
	s := fuzzed(f)
	answer := fuzzAnswer(f, s)
	plain := textOf(f, answer)
	conceal(f, s, child(answer, assertionNS, "Assertion"), "EncryptedAssertion")
	sealed := textOf(f, answer)
	want := expected{request: "q", recipient: s.ConsumerURL()}
	var signed string
	for _, text := range []string{plain, sealed} {
		said, err := s.verify(f.Context(), []byte(text), want)
		if signed = fmt.Sprint(said.Issuer, said.ID, said.Attributes); err != nil || !strings.Contains(signed, "uid:[tim]") || !strings.Contains(signed, "REMOTE_USER:[tim@idp]") {
			f.Fatalf("%v %v: %s", said, err, text)
		}
	}
	// A change cuts a piece out of the answer and puts another, or a text, in its place.
	f.Add(false, uint16(0), uint16(0), uint16(0), uint16(0), "")
	f.Add(true, uint16(0), uint16(0), uint16(0), uint16(0), "")
	f.Add(false, uint16(900), uint16(4), uint16(100), uint16(30), "tim")
	f.Add(true, uint16(700), uint16(1), uint16(0), uint16(0), "A")
	f.Add(false, uint16(0), uint16(0), uint16(0), uint16(0), "<!DOCTYPE x>")
	f.Fuzz(func(t *testing.T, hidden bool, at, cut, from, length uint16, put string) {
		text := plain
		if hidden {
			text = sealed
		}
		piece := func(from, length uint16) (int, int) {
			i := int(from) % (len(text) + 1)
			return i, min(i+int(length), len(text))
		}
		i, j := piece(at, cut)
		k, l := piece(from, length)
		changed := text[:i] + put + text[k:l] + text[j:]
		said, err := s.verify(t.Context(), []byte(changed), want)
		if err == nil && fmt.Sprint(said.Issuer, said.ID, said.Attributes) != signed {
			t.Errorf("%v of %s", said, changed)
		}
	})
}
