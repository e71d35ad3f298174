package sso

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/uuid"
)

// Issuer vouches for users of this cloud towards others, by SAML.
type Issuer struct {
	cfg   IssuerConfig
	dir   string // of its key and certificate
	clock clock.Clock

	mu   sync.Mutex
	keys keyFiles // nil before the first use
}

// Statement is who a user is here, for another cloud.
type Statement struct {
	User, UserDomain       string // names
	Project, ProjectDomain string
	Roles                  []string
	Groups                 []string // as JSON:{"name", "domain"}
}

func (c IssuerConfig) withDefaults(at string) IssuerConfig {
	for field, otherwise := range map[*string]string{
		&c.EntityID: at + "/OS-FEDERATION/saml2/idp", &c.SSOEndpoint: at + "/OS-FEDERATION/saml2/sso", &c.Language: "en",
		&c.Organization: "SAML Identity Provider", &c.OrganizationDisplay: "OpenStack SAML Identity Provider", &c.OrganizationURL: "https://example.com/",
		&c.ContactCompany: "Example, Inc.", &c.ContactName: "SAML Identity Provider Support", &c.ContactSurname: "Support",
		&c.ContactEmail: "support@example.com", &c.ContactTelephone: "+1 800 555 0100", &c.ContactType: "other"} {
		*field = cmp.Or(*field, otherwise)
	}
	c.AssertionExpiration = cmp.Or(c.AssertionExpiration, time.Hour)
	return c
}

// EntityID is what this cloud calls itself.
func (i *Issuer) EntityID() string { return i.cfg.EntityID }

// keyFile holds certificate and key.
const keyFile = "signing.pem"

// key is the pair that signs; the first use makes it. Replicas share the directory.
func (i *Issuer) key() (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.keys == nil {
		file := filepath.Join(i.dir, keyFile)
		err := i.ensureKey(file)
		if err == nil {
			i.keys, err = watchKeys(file)
		}
		if err != nil {
			return nil, fmt.Errorf("key for SAML: %w", err)
		}
	}
	return i.keys.Current()[0], nil
}

func (i *Issuer) ensureKey(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := i.makeKey()
	if err == nil {
		_, err = keepFirst(file, text)
	}
	return err
}

// makeKey makes a pair that others get to know by our metadata.
func (i *Issuer) makeKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := i.clock.Now()
	cert := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Nacre SAML"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// keepFirst writes a private file unless it is there, whole, and gives what is there then.
func keepFirst(file string, text []byte) ([]byte, error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}

// SealKey reads the key that seals what goes through browsers; the first use
// makes it. Replicas share the file.
func SealKey(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		text, err = keepFirst(file, key)
	}
	if err == nil && len(text) != 32 {
		err = errors.New("it is not 32 bytes long")
	}
	if err != nil {
		return nil, fmt.Errorf("key of logins %s: %w", file, err)
	}
	return text, nil
}

// Assert is a signed assertion in a response for another cloud's sp_url.
func (i *Issuer) Assert(recipient string, st Statement) ([]byte, error) {
	e, err := i.response(recipient, st)
	if err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	doc.SetRoot(e)
	return doc.WriteToBytes()
}

// AssertECP is Assert in an envelope, as clients that are no browsers bring it.
func (i *Issuer) AssertECP(recipient, relayStatePrefix string, st Statement) ([]byte, error) {
	e, err := i.response(recipient, st)
	if err != nil {
		return nil, err
	}
	relay := block("ecp:RelayState", ecpNS)
	relay.SetText(relayStatePrefix + uuid.Hex())
	return envelope(e, relay)
}

func (i *Issuer) response(recipient string, st Statement) (*etree.Element, error) {
	now := i.clock.Now().UTC()
	issuer := saml.Issuer{Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:entity", Value: i.cfg.EntityID}
	a := i.assertion(recipient, st, issuer, now)
	if err := i.sign(a); err != nil {
		return nil, err
	}
	r := saml.Response{ID: "_" + uuid.Hex(), Version: "2.0", IssueInstant: now, Destination: recipient, Issuer: &issuer,
		Status: saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}}, Assertion: a}
	return r.Element(), nil
}

func (i *Issuer) assertion(recipient string, st Statement, issuer saml.Issuer, now time.Time) *saml.Assertion {
	ends := now.Add(i.cfg.AssertionExpiration)
	attributes := []saml.Attribute{attribute("openstack_user", st.User), attribute("openstack_roles", st.Roles...), attribute("openstack_project", st.Project),
		attribute("openstack_project_domain", st.ProjectDomain), attribute("openstack_user_domain", st.UserDomain)}
	if len(st.Groups) > 0 {
		attributes = append(attributes, attribute("openstack_groups", st.Groups...))
	}
	return &saml.Assertion{ID: "_" + uuid.Hex(), IssueInstant: now, Version: "2.0", Issuer: issuer,
		Subject: &saml.Subject{NameID: &saml.NameID{Value: st.User}, SubjectConfirmations: []saml.SubjectConfirmation{{Method: bearer,
			SubjectConfirmationData: &saml.SubjectConfirmationData{NotOnOrAfter: ends, Recipient: recipient}}}},
		Conditions: &saml.Conditions{NotBefore: now.Add(-Skew), NotOnOrAfter: ends},
		AuthnStatements: []saml.AuthnStatement{{AuthnInstant: now, SessionIndex: uuid.Hex(), SessionNotOnOrAfter: &ends,
			AuthnContext: saml.AuthnContext{AuthnContextClassRef: &saml.AuthnContextClassRef{Value: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"}}}},
		AttributeStatements: []saml.AttributeStatement{{Attributes: attributes}}}
}

func attribute(name string, values ...string) saml.Attribute {
	a := saml.Attribute{Name: name}
	for _, v := range values {
		a.Values = append(a.Values, saml.AttributeValue{Type: "xs:string", Value: v})
	}
	return a
}

// sign puts a signature by RSA and SHA-256 into the assertion, where the schema wants it.
func (i *Issuer) sign(a *saml.Assertion) error {
	pair, err := i.key()
	if err != nil {
		return err
	}
	if a.Signature, err = signature(pair, a.Element()); err != nil {
		return fmt.Errorf("sign assertion: %w", err)
	}
	return nil
}

// Metadata is what other clouds must know of this one.
func (i *Issuer) Metadata() ([]byte, error) {
	pair, err := i.key()
	if err != nil {
		return nil, err
	}
	c := i.cfg
	named := func(v string) []saml.LocalizedName { return []saml.LocalizedName{{Lang: c.Language, Value: v}} }
	d := saml.EntityDescriptor{EntityID: c.EntityID, ValidUntil: pair.Leaf.NotAfter, IDPSSODescriptors: []saml.IDPSSODescriptor{{
		SSODescriptor: saml.SSODescriptor{
			RoleDescriptor: saml.RoleDescriptor{ProtocolSupportEnumeration: protocolNS,
				KeyDescriptors: []saml.KeyDescriptor{described("signing", pair)},
				Organization: &saml.Organization{OrganizationNames: named(c.Organization), OrganizationDisplayNames: named(c.OrganizationDisplay),
					OrganizationURLs: []saml.LocalizedURI{{Lang: c.Language, Value: c.OrganizationURL}}},
				ContactPeople: []saml.ContactPerson{{ContactType: c.ContactType, Company: c.ContactCompany, GivenName: c.ContactName, SurName: c.ContactSurname,
					EmailAddresses: []string{c.ContactEmail}, TelephoneNumbers: []string{c.ContactTelephone}}}},
			NameIDFormats: []saml.NameIDFormat{saml.TransientNameIDFormat}},
		SingleSignOnServices: []saml.Endpoint{{Binding: "urn:oasis:names:tc:SAML:2.0:bindings:URI", Location: c.SSOEndpoint}}}}}
	return xml.MarshalIndent(d, "", "  ")
}
