package sso

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/config"
)

// SAML is a service provider of one identity provider.
type SAML struct {
	cfg    SAMLConfig
	at     string // address of the protocol
	keys   keyFiles
	client *http.Client
	clock  clock.Clock

	mu    sync.Mutex
	stamp string // of metadata in a file
	idp   *saml.EntityDescriptor
	certs []*x509.Certificate
	read  time.Time
	tried time.Time // to read it again
}

// metadataTime is how long fetched metadata is used, freshTime how long where it
// does not know a signature. If it cannot be fetched again, within fetchTime, it
// lasts for staleTime.
const (
	metadataTime = time.Hour
	freshTime    = time.Minute
	staleTime    = 24 * time.Hour
	fetchTime    = 10 * time.Second
)

// ConsumerURL is where browsers bring answers.
func (s *SAML) ConsumerURL() string { return s.at + "/saml2/acs" }

// ECPURL is where clients that are no browsers bring answers.
func (s *SAML) ECPURL() string { return s.at + "/saml2/ecp" }

// AuthURL is where a client fetches its token.
func (s *SAML) AuthURL() string { return s.at + "/auth" }

// EntityID is what we call ourselves.
func (s *SAML) EntityID() string {
	if s.cfg.EntityID != "" {
		return s.cfg.EntityID
	}
	return s.at + "/saml2/metadata"
}

// metadata is who the identity provider is, read so long ago at most, or before
// its file has changed. What was read is good for a while longer if it cannot be
// read again. It is read for all who ask, so nobody's leaving ends that.
func (s *SAML) metadata(ctx context.Context, age time.Duration) (*saml.EntityDescriptor, []*x509.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamp, now := config.Stamp(s.cfg.Metadata), s.clock.Now()
	changed, stale := stamp != s.stamp, s.stale(now)
	if !stale && !changed && (now.Sub(s.read) < age || now.Sub(s.tried) < freshTime) {
		return s.idp, s.certs, nil
	}
	s.stamp, s.tried = stamp, now
	reading, done := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer done()
	idp, certs, err := s.readMetadata(reading)
	if err != nil && !stale {
		slog.ErrorContext(ctx, "metadata of an identity provider cannot be read again, that of before stays", "metadata", s.cfg.Metadata, "error", err)
		return s.idp, s.certs, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("metadata of the identity provider: %w", err)
	}
	s.idp, s.certs, s.read = idp, certs, now
	return idp, certs, nil
}

// stale reports whether what was read is of no use any more.
func (s *SAML) stale(now time.Time) bool {
	return s.idp == nil || ended(s.idp, now) || isHTTP(s.cfg.Metadata) && now.Sub(s.read) >= staleTime
}

func ended(d *saml.EntityDescriptor, now time.Time) bool {
	return !d.ValidUntil.IsZero() && d.ValidUntil.Before(now)
}

func (s *SAML) readMetadata(ctx context.Context) (*saml.EntityDescriptor, []*x509.Certificate, error) {
	text, err := s.fetchMetadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	var d saml.EntityDescriptor
	if err := xml.Unmarshal(text, &d); err != nil {
		return nil, nil, err
	}
	if d.EntityID == "" || len(d.IDPSSODescriptors) == 0 {
		return nil, nil, errors.New("it is of no identity provider")
	}
	if ended(&d, s.clock.Now()) {
		return nil, nil, errors.New("it is not valid any more")
	}
	certs, err := signingCerts(&d)
	return &d, certs, err
}

func (s *SAML) fetchMetadata(ctx context.Context) ([]byte, error) {
	if !isHTTP(s.cfg.Metadata) {
		return os.ReadFile(s.cfg.Metadata)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.Metadata, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	return io.ReadAll(res.Body)
}

var blanks = regexp.MustCompile(`\s+`)

// signingCerts are those whose keys the identity provider signs with.
func signingCerts(d *saml.EntityDescriptor) (certs []*x509.Certificate, err error) {
	for _, sso := range d.IDPSSODescriptors {
		for _, k := range sso.KeyDescriptors {
			if k.Use != "" && k.Use != "signing" {
				continue
			}
			for _, c := range k.KeyInfo.X509Data.X509Certificates {
				der, err := base64.StdEncoding.DecodeString(blanks.ReplaceAllString(c.Data, ""))
				if err != nil {
					return nil, err
				}
				cert, err := x509.ParseCertificate(der)
				if err != nil {
					return nil, err
				}
				certs = append(certs, cert)
			}
		}
	}
	if len(certs) == 0 {
		err = errors.New("it names no key for signing")
	}
	return certs, err
}

// request is a question to the identity provider, whose answer is to come to
// acs by that binding.
func (s *SAML) request(idp *saml.EntityDescriptor, where, acs, binding string) (*saml.AuthnRequest, error) {
	if len(s.keys.Current()) == 0 && wantsSigned(idp) {
		return nil, errors.New("the identity provider wants signed requests: give keys in saml of this provider")
	}
	to, err := url.Parse(acs)
	if err != nil {
		return nil, err
	}
	sp := saml.ServiceProvider{EntityID: s.EntityID(), IDPMetadata: idp, AuthnNameIDFormat: saml.UnspecifiedNameIDFormat, AcsURL: *to}
	return sp.MakeAuthenticationRequest(where, saml.HTTPRedirectBinding, binding)
}

func wantsSigned(idp *saml.EntityDescriptor) bool {
	return slices.ContainsFunc(idp.IDPSSODescriptors, func(d saml.IDPSSODescriptor) bool {
		return d.WantAuthnRequestsSigned != nil && *d.WantAuthnRequestsSigned
	})
}

func (s *SAML) login(ctx context.Context, l *Login) (string, error) {
	idp, _, err := s.metadata(ctx, metadataTime)
	if err != nil {
		return "", err
	}
	where := (&saml.ServiceProvider{IDPMetadata: idp}).GetSSOBindingLocation(saml.HTTPRedirectBinding)
	if where == "" {
		return "", errors.New("the identity provider does not take redirected requests")
	}
	req, err := s.request(idp, where, s.ConsumerURL(), saml.HTTPPostBinding)
	if err != nil {
		return "", err
	}
	l.Request = req.ID
	return s.redirect(req, l.State)
}

// redirect is where a browser carries a question, by the rules of the SAML
// bindings, 3.4.4: signed are these parameters, in this order, and no others.
func (s *SAML) redirect(req *saml.AuthnRequest, state string) (string, error) {
	to, err := url.Parse(req.Destination)
	if err != nil {
		return "", err
	}
	text, err := deflated(req.Element())
	if err != nil {
		return "", err
	}
	query := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(text)) + "&RelayState=" + url.QueryEscape(state)
	if keys := s.keys.Current(); len(keys) > 0 {
		by, err := signer(keys[0])
		if err != nil {
			return "", err
		}
		query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
		sig, err := by.SignString(query)
		if err != nil {
			return "", fmt.Errorf("sign request: %w", err)
		}
		query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
	}
	if to.RawQuery != "" {
		query = to.RawQuery + "&" + query
	}
	to.RawQuery = query
	return to.String(), nil
}

func deflated(e *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(e)
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := doc.WriteTo(w); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// Finish verifies the answer to a login.
func (s *SAML) Finish(ctx context.Context, l Login, answer string) (Assertion, error) {
	text, err := base64.StdEncoding.DecodeString(blanks.ReplaceAllString(answer, ""))
	if err != nil {
		return Assertion{}, err
	}
	return s.verify(ctx, text, expected{request: l.Request, recipient: s.ConsumerURL()})
}

// Unsolicited verifies an answer to no question, if the operator allows them.
func (s *SAML) Unsolicited(ctx context.Context, answer string) (Assertion, error) {
	return s.Finish(ctx, Login{}, answer)
}

// Metadata is what an identity provider must know of us. It may meet a signature
// by any of our keys, and is to encrypt for the first.
func (s *SAML) Metadata() ([]byte, error) {
	keys := s.keys.Current()
	want, signs := true, len(keys) > 0
	role := saml.RoleDescriptor{ProtocolSupportEnumeration: protocolNS}
	for _, pair := range keys {
		role.KeyDescriptors = append(role.KeyDescriptors, described("signing", pair))
	}
	if signs {
		role.KeyDescriptors = append(role.KeyDescriptors, described("encryption", keys[0], published...))
	}
	d := saml.EntityDescriptor{EntityID: s.EntityID(), ValidUntil: s.clock.Now().AddDate(10, 0, 0), SPSSODescriptors: []saml.SPSSODescriptor{{
		SSODescriptor:        saml.SSODescriptor{RoleDescriptor: role},
		WantAssertionsSigned: &want, AuthnRequestsSigned: &signs,
		AssertionConsumerServices: []saml.IndexedEndpoint{
			{Binding: saml.HTTPPostBinding, Location: s.ConsumerURL(), Index: 1, IsDefault: &want},
			{Binding: paosBinding, Location: s.ECPURL(), Index: 2}}}}}
	return xml.MarshalIndent(d, "", "  ")
}

const (
	paosBinding = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
	soapNS      = "http://schemas.xmlsoap.org/soap/envelope/"
	ecpNS       = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
	paosNS      = "urn:liberty:paos:2003-08"
	nextActor   = "http://schemas.xmlsoap.org/soap/actor/next"
)

// PAOS is the media type of a SAML question or answer in an envelope.
const PAOS = "application/vnd.paos+xml"

// envelope wraps a message in SOAP, with header blocks.
func envelope(body *etree.Element, blocks ...*etree.Element) ([]byte, error) {
	env := etree.NewElement("S:Envelope")
	env.CreateAttr("xmlns:S", soapNS)
	header := env.CreateElement("S:Header")
	for _, b := range blocks {
		header.AddChild(b)
	}
	env.CreateElement("S:Body").AddChild(body)
	doc := etree.NewDocument()
	doc.SetRoot(env)
	return doc.WriteToBytes()
}

// block is a header block that its reader must understand.
func block(name, ns string) *etree.Element {
	prefix := name[:bytes.IndexByte([]byte(name), ':')]
	e := etree.NewElement(name)
	e.CreateAttr("xmlns:"+prefix, ns)
	e.CreateAttr("S:mustUnderstand", "1")
	e.CreateAttr("S:actor", nextActor)
	return e
}

// Question is what a client that is no browser carries to the identity
// provider. It brings the relay state back with the answer.
func (p *Parties) Question(ctx context.Context, idp, protocol string) ([]byte, error) {
	s := p.SAML(idp, protocol)
	metadata, _, err := s.metadata(ctx, metadataTime)
	if err != nil {
		return nil, err
	}
	req, err := s.request(metadata, "", s.ECPURL(), paosBinding)
	if err != nil {
		return nil, err
	}
	if keys := s.keys.Current(); len(keys) > 0 {
		if req.Signature, err = signature(keys[0], req.Element()); err != nil {
			return nil, fmt.Errorf("sign request: %w", err)
		}
	}
	state, err := p.seals.seal("ecp "+idp+" "+protocol, req.ID, p.clock.Now().Add(loginTime))
	if err != nil {
		return nil, err
	}
	ask := block("paos:Request", paosNS)
	ask.CreateAttr("responseConsumerURL", s.ECPURL())
	ask.CreateAttr("service", ecpNS)
	who := block("ecp:Request", ecpNS)
	who.CreateAttr("IsPassive", "0")
	issuer := who.CreateElement("saml:Issuer")
	issuer.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	issuer.SetText(s.EntityID())
	relay := block("ecp:RelayState", ecpNS)
	relay.SetText(state)
	return envelope(req.Element(), ask, who, relay)
}

// Answer verifies what such a client brings back: the answer to our question,
// or one to none, if the operator allows that.
func (p *Parties) Answer(ctx context.Context, idp, protocol string, text []byte) (Assertion, error) {
	s := p.SAML(idp, protocol)
	doc, err := parse(text)
	if err != nil {
		return Assertion{}, err
	}
	body := child(doc.Root(), soapNS, "Body")
	if doc.Root().Tag != "Envelope" || body == nil || len(body.ChildElements()) != 1 {
		return Assertion{}, errors.New("no SOAP envelope with one message")
	}
	want := expected{recipient: s.ECPURL()}
	if header := child(doc.Root(), soapNS, "Header"); header != nil {
		if relay := child(header, ecpNS, "RelayState"); relay != nil {
			if err := p.seals.open("ecp "+idp+" "+protocol, relay.Text(), p.clock.Now(), &want.request); err != nil && !s.cfg.AllowUnsolicited {
				return Assertion{}, err
			}
		}
	}
	return s.verifyElement(ctx, body.ChildElements()[0], want)
}
