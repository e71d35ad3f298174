package sso

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/httpclient"
)

// Skew is how far the clocks of two clouds may be apart.
const Skew = 3 * time.Minute

// Assertion is what a verified identity provider says of a user.
type Assertion struct {
	Issuer     string              `json:"i"`
	Attributes map[string][]string `json:"a"`
	ID         string              `json:"-"` // of an assertion that must not be used twice
	Ends       time.Time           `json:"-"` // after it ID need not be remembered
}

// Login is a browser on its way to an identity provider and back.
type Login struct {
	IdentityProvider string `json:"i"`
	Protocol         string `json:"p"`
	Origin           string `json:"o,omitempty"` // where it came from and goes with the token
	State            string `json:"s"`           // comes back with the answer
	Nonce            string `json:"n,omitempty"` // OIDC: in the ID token
	Verifier         string `json:"v,omitempty"` // OIDC: PKCE
	Request          string `json:"r,omitempty"` // SAML: ID of our question
}

// loginTime is how long somebody may take to log in.
const loginTime = 10 * time.Minute

// sessionTime is how long an assertion that was taken may be turned into a token.
const sessionTime = 2 * time.Minute

// Parties are all with whom this cloud is in federation.
type Parties struct {
	Config
	Issuer *Issuer // nil without a directory for its key

	clock  clock.Clock
	client *http.Client
	seals  *sealer
	oidc   map[[2]string]*OIDC
	saml   map[[2]string]*SAML
}

// New makes the relying parties of c. key, 32 bytes, seals what goes through
// browsers; dir keeps the key that signs assertions for others.
func New(c Config, key []byte, dir string, ck clock.Clock) (*Parties, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	client, err := newClient()
	if err != nil {
		return nil, fmt.Errorf("federation: %w", err)
	}
	p := &Parties{Config: c, clock: ck, client: client, oidc: map[[2]string]*OIDC{}, saml: map[[2]string]*SAML{}}
	if ck == nil {
		p.clock = clock.System
	}
	if key == nil { // alone and not for long
		key = make([]byte, 32)
		_, _ = rand.Read(key)
	}
	if p.seals, err = newSealer(key); err != nil {
		return nil, fmt.Errorf("federation: %w", err)
	}
	if dir != "" {
		p.Issuer = &Issuer{cfg: c.SAML.withDefaults(c.PublicURL), dir: dir, clock: p.clock}
	}
	for _, party := range c.Providers {
		key := [2]string{party.IdentityProvider, party.Protocol}
		at := c.PublicURL + "/OS-FEDERATION/identity_providers/" + party.IdentityProvider + "/protocols/" + party.Protocol
		if party.OIDC != nil {
			p.oidc[key] = &OIDC{cfg: *party.OIDC, callback: at + "/oidc/callback", client: p.client, clock: p.clock}
			continue
		}
		keys, err := watchKeys(party.SAML.Keys...)
		if err != nil {
			return nil, fmt.Errorf("federation: keys of %s with %s: %w", party.Protocol, party.IdentityProvider, err)
		}
		p.saml[key] = &SAML{cfg: *party.SAML, at: at, keys: keys, client: p.client, clock: p.clock}
	}
	return p, nil
}

// OIDC is the relying party for a protocol of an identity provider, or nil.
func (p *Parties) OIDC(idp, protocol string) *OIDC { return p.oidc[[2]string{idp, protocol}] }

// SAML is the service provider for a protocol of an identity provider, or nil.
func (p *Parties) SAML(idp, protocol string) *SAML { return p.saml[[2]string{idp, protocol}] }

// Has reports whether this cloud speaks the protocol with the identity provider itself.
func (p *Parties) Has(idp, protocol string) bool {
	return p.OIDC(idp, protocol) != nil || p.SAML(idp, protocol) != nil
}

// Start begins a login: where the browser goes, and what it is to keep, sealed.
func (p *Parties) Start(ctx context.Context, l Login) (location, kept string, err error) {
	l.State, l.Nonce = random(), random()
	if o := p.OIDC(l.IdentityProvider, l.Protocol); o != nil {
		location, err = o.login(ctx, &l)
	} else if s := p.SAML(l.IdentityProvider, l.Protocol); s != nil {
		location, err = s.login(ctx, &l)
	} else {
		err = errors.New("no such relying party")
	}
	if err != nil {
		return "", "", err
	}
	kept, err = p.seals.seal("login", l, p.clock.Now().Add(loginTime))
	return location, kept, err
}

// Continue is the login that a browser kept, if it is the one that state, which
// came with the answer, belongs to.
func (p *Parties) Continue(kept, idp, protocol, state string) (l Login, err error) {
	if err := p.seals.open("login", kept, p.clock.Now(), &l); err != nil {
		return l, err
	}
	if state == "" || l.State != state || l.IdentityProvider != idp || l.Protocol != protocol {
		return l, errors.New("the answer belongs to another login")
	}
	return l, nil
}

// Keep seals an assertion for a client that fetches its token in another request.
func (p *Parties) Keep(idp, protocol string, a Assertion) (string, error) {
	return p.seals.seal("session "+idp+" "+protocol, a, p.clock.Now().Add(sessionTime))
}

// Kept is the assertion that Keep sealed.
func (p *Parties) Kept(idp, protocol, text string) (a Assertion, err error) {
	err = p.seals.open("session "+idp+" "+protocol, text, p.clock.Now(), &a)
	return a, err
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// maxAnswer bounds what an identity provider may answer.
const maxAnswer = 1 << 20

// newClient calls identity providers, wherever the operator says they are: no
// redirects, no endless answers.
func newClient() (*http.Client, error) {
	c, err := httpclient.New(httpclient.Config{AllowedNetworks: httpclient.Everywhere, MaxRedirects: -1})
	if err == nil {
		c.Timeout, c.Transport = 10*time.Second, bounded{c.Transport}
	}
	return c, err
}

type bounded struct{ http.RoundTripper }

// RoundTrip ends the answer after maxAnswer bytes.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}
