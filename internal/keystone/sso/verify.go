package sso

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	xrv "github.com/mattermost/xml-roundtrip-validator"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	protocolNS  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionNS = "urn:oasis:names:tc:SAML:2.0:assertion"
	bearer      = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// expected is what an answer must say of itself.
type expected struct {
	request   string // the question; "" for none
	recipient string // where it was brought
}

// parse reads XML that means to every parser what it means to this one.
func parse(text []byte) (*etree.Document, error) {
	if err := xrv.Validate(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil {
		return nil, err
	}
	if doc.Root() == nil {
		return nil, errors.New("XML without an element")
	}
	if slices.ContainsFunc(doc.Child, func(t etree.Token) bool { _, is := t.(*etree.Directive); return is }) {
		return nil, errors.New("XML with a document type")
	}
	return doc, nil
}

func children(e *etree.Element, ns, tag string) (found []*etree.Element) {
	for _, c := range e.ChildElements() {
		if c.Tag == tag && c.NamespaceURI() == ns {
			found = append(found, c)
		}
	}
	return found
}

// child is the one child of that name, or nil.
func child(e *etree.Element, ns, tag string) *etree.Element {
	if found := children(e, ns, tag); len(found) == 1 {
		return found[0]
	}
	return nil
}

func (s *SAML) verify(ctx context.Context, text []byte, want expected) (Assertion, error) {
	doc, err := parse(text)
	if err != nil {
		return Assertion{}, err
	}
	return s.verifyElement(ctx, doc.Root(), want)
}

// verifyElement takes from an answer what was signed, and nothing else: what
// is read further down is the element that the signature was verified over.
func (s *SAML) verifyElement(ctx context.Context, answer *etree.Element, want expected) (Assertion, error) {
	idp, certs, err := s.metadata(ctx, metadataTime)
	if err != nil {
		return Assertion{}, err
	}
	if want.request == "" && !s.cfg.AllowUnsolicited {
		return Assertion{}, errors.New("an answer to no question")
	}
	if answer.Tag != "Response" || answer.NamespaceURI() != protocolNS {
		return Assertion{}, errors.New("no SAML response")
	}
	if n := count(answer, "Assertion") + count(answer, "EncryptedAssertion"); n != 1 {
		return Assertion{}, fmt.Errorf("%d assertions, one is expected", n)
	}
	if err := checkResponse(answer, idp.EntityID, want); err != nil {
		return Assertion{}, err
	}
	signed, err := s.signedAssertion(answer, certs)
	if errors.Is(err, errKey) { // it may sign by another one now
		if idp, certs, err = s.metadata(ctx, freshTime); err == nil {
			err = checkResponse(answer, idp.EntityID, want)
		}
		if err == nil {
			signed, err = s.signedAssertion(answer, certs)
		}
	}
	if err != nil {
		return Assertion{}, err
	}
	if err := s.revealParts(signed); err != nil {
		return Assertion{}, err
	}
	var a saml.Assertion
	if err := decode(signed, &a); err != nil {
		return Assertion{}, err
	}
	if err := s.checkAssertion(&a, signed, idp.EntityID, want); err != nil {
		return Assertion{}, err
	}
	return s.assertion(&a), nil
}

// all are the elements of that name, anywhere.
func all(e *etree.Element, tag string) (found []*etree.Element) {
	if e.Tag == tag && e.NamespaceURI() == assertionNS {
		found = append(found, e)
	}
	for _, c := range e.ChildElements() {
		found = append(found, all(c, tag)...)
	}
	return found
}

// count is how many elements of that name there are, anywhere.
func count(e *etree.Element, tag string) int { return len(all(e, tag)) }

func decode(e *etree.Element, v any) error {
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	text, err := doc.WriteToBytes()
	if err != nil {
		return err
	}
	return xml.Unmarshal(text, v)
}

// checkResponse looks at the envelope of the assertion, which may be unsigned.
func checkResponse(e *etree.Element, issuer string, want expected) error {
	status := child(e, protocolNS, "Status")
	if status == nil {
		return errors.New("a response without a status")
	}
	code := child(status, protocolNS, "StatusCode")
	switch by := child(e, assertionNS, "Issuer"); {
	case code == nil || code.SelectAttrValue("Value", "") != saml.StatusSuccess:
		return errors.New("the identity provider reports no success")
	case by != nil && strings.TrimSpace(by.Text()) != issuer:
		return fmt.Errorf("a response of %q", by.Text())
	case e.SelectAttrValue("Destination", want.recipient) != want.recipient:
		return fmt.Errorf("a response for %q", e.SelectAttrValue("Destination", ""))
	case e.SelectAttrValue("InResponseTo", "") != want.request:
		return errors.New("a response to another question")
	}
	return nil
}

// signedAssertion is the assertion as it was signed, itself or within the
// response. A response is signed as it came, with its assertion encrypted, an
// assertion before that.
func (s *SAML) signedAssertion(answer *etree.Element, certs []*x509.Certificate) (*etree.Element, error) {
	if child(answer, dsig.Namespace, "Signature") != nil {
		whole, err := s.signed(answer, certs)
		if err != nil {
			return nil, err
		}
		a, err := s.plain(whole)
		if err != nil {
			return nil, err
		}
		return detached(a)
	}
	a, err := s.plain(answer)
	if err != nil {
		return nil, err
	}
	return s.signed(a, certs)
}

// detached is an element with the namespaces it has from above.
func detached(e *etree.Element) (*etree.Element, error) {
	ctx, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	if ctx, err = ctx.SubContext(e); err != nil {
		return nil, err
	}
	return etreeutils.NSDetatch(ctx, e)
}

// signed verifies the signature of an element by one of the keys and gives
// what it was verified over.
func (s *SAML) signed(e *etree.Element, certs []*x509.Certificate) (*etree.Element, error) {
	e, err := detached(e)
	if err != nil {
		return nil, err
	}
	sig := child(e, dsig.Namespace, "Signature")
	if sig == nil {
		return nil, errors.New("nothing is signed")
	}
	if err := s.checkAlgorithms(sig); err != nil {
		return nil, err
	}
	if info := child(sig, dsig.Namespace, "KeyInfo"); info != nil {
		sig.RemoveChild(info) // which key it is the metadata says
	}
	err = errors.New("no key")
	for _, cert := range certs {
		v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		v.IdAttribute, v.Clock = "ID", dsig.NewFakeClockAt(s.clock.Now())
		var over *etree.Element
		if over, err = v.Validate(e); err == nil {
			return over, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", errKey, err)
}

// errKey is a signature that was made by no known key, or over something else.
var errKey = errors.New("signature")

// strong are the algorithms of a signature that need no permission.
var strong = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod,
	dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod,
	"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512"}

var weak = []string{dsig.RSASHA1SignatureMethod, "http://www.w3.org/2000/09/xmldsig#sha1"}

func (s *SAML) checkAlgorithms(sig *etree.Element) error {
	allowed := strong
	if s.cfg.AllowSHA1 {
		allowed = slices.Concat(strong, weak)
	}
	for _, e := range sig.FindElements(".//*") {
		if e.Tag != "SignatureMethod" && e.Tag != "DigestMethod" {
			continue
		}
		if name := e.SelectAttrValue("Algorithm", ""); !slices.Contains(allowed, name) {
			return fmt.Errorf("signed by %s", name)
		}
	}
	return nil
}

// checkAssertion is what makes a signed assertion one for us, now.
func (s *SAML) checkAssertion(a *saml.Assertion, e *etree.Element, issuer string, want expected) error {
	now := s.clock.Now()
	switch {
	case a.Version != "2.0" || a.ID == "":
		return errors.New("no assertion of SAML 2.0")
	case a.Issuer.Value != issuer:
		return fmt.Errorf("an assertion of %q", a.Issuer.Value)
	case a.IssueInstant.After(now.Add(Skew)):
		return errors.New("an assertion of the future")
	case len(a.AuthnStatements) == 0:
		return errors.New("an assertion that nobody has logged in for")
	case a.Subject == nil || !slices.ContainsFunc(a.Subject.SubjectConfirmations, func(c saml.SubjectConfirmation) bool { return confirms(c, want, now) }):
		return errors.New("an assertion that does not confirm its subject to us, now")
	}
	for _, st := range a.AuthnStatements {
		if st.SessionNotOnOrAfter != nil && !now.Before(st.SessionNotOnOrAfter.Add(Skew)) {
			return errors.New("an assertion of a session that has ended")
		}
	}
	return s.checkConditions(a, e, want, now)
}

func confirms(c saml.SubjectConfirmation, want expected, now time.Time) bool {
	d := c.SubjectConfirmationData
	return c.Method == bearer && d != nil && d.Recipient == want.recipient && d.InResponseTo == want.request && d.NotBefore.IsZero() &&
		!d.NotOnOrAfter.IsZero() && now.Before(d.NotOnOrAfter.Add(Skew))
}

func (s *SAML) checkConditions(a *saml.Assertion, e *etree.Element, want expected, now time.Time) error {
	conditions := child(e, assertionNS, "Conditions")
	if conditions == nil || a.Conditions == nil {
		if want.request == "" { // the original Keystone sends none; the recipient is us
			return nil
		}
		return errors.New("an assertion for anybody")
	}
	c := a.Conditions
	if !c.NotBefore.IsZero() && now.Add(Skew).Before(c.NotBefore) || !c.NotOnOrAfter.IsZero() && !now.Before(c.NotOnOrAfter.Add(Skew)) {
		return errors.New("an assertion that is not of now")
	}
	restricted := false
	for _, r := range conditions.ChildElements() {
		if r.Tag != "AudienceRestriction" {
			continue
		}
		restricted = true
		if !slices.ContainsFunc(r.ChildElements(), func(who *etree.Element) bool { return strings.TrimSpace(who.Text()) == s.EntityID() }) {
			return errors.New("an assertion for another service provider")
		}
	}
	if !restricted && want.request != "" {
		return errors.New("an assertion for anybody")
	}
	return nil
}

// assertion gives attributes the names that Apache's modules give them.
func (s *SAML) assertion(a *saml.Assertion) Assertion {
	out := Assertion{Issuer: a.Issuer.Value, ID: a.Issuer.Value + " " + a.ID, Ends: s.clock.Now().Add(2 * Skew),
		Attributes: map[string][]string{"Shib-Identity-Provider": {a.Issuer.Value}, "MELLON_IDP": {a.Issuer.Value}}}
	for _, c := range a.Subject.SubjectConfirmations {
		if d := c.SubjectConfirmationData; d != nil && d.NotOnOrAfter.Add(2*Skew).After(out.Ends) {
			out.Ends = d.NotOnOrAfter.Add(2 * Skew)
		}
	}
	if id := a.Subject.NameID; id != nil && id.Value != "" {
		out.Attributes["REMOTE_USER"], out.Attributes["MELLON_NAME_ID"] = []string{id.Value}, []string{id.Value}
	}
	for _, st := range a.AttributeStatements {
		for _, attribute := range st.Attributes {
			var values []string
			for _, v := range attribute.Values {
				values = append(values, v.Value)
			}
			for _, name := range slices.Compact([]string{attribute.Name, attribute.FriendlyName}) {
				if name != "" && len(values) > 0 {
					out.Attributes[name] = append(out.Attributes[name], values...)
					out.Attributes["MELLON_"+name] = append(out.Attributes["MELLON_"+name], values...)
				}
			}
		}
	}
	return out
}
