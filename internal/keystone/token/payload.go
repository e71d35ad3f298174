package token

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Payload is what a token says. At most one of ProjectID, DomainID and System
// is set; none is an unscoped token. At most one of the groups that follow is
// set: they name what the token hangs on besides its user and scope.
type Payload struct {
	UserID    string // for a trust the trustee
	Methods   []string
	ProjectID string
	DomainID  string
	System    bool

	TrustID       string
	AccessTokenID string // OAuth 1.0a
	AppCredID     string // application credential
	Thumbprint    string // of the client's certificate, OAuth 2.0 with mutual TLS

	IdentityProvider string // set for federated users
	Protocol         string
	GroupIDs         []string // that the identity provider's assertion was mapped to

	ExpiresAt time.Time
	AuditIDs  []string  // the token's own, then that of the token it descends from
	IssuedAt  time.Time // whole seconds, part of the seal
}

// Federated reports whether the user came by way of an identity provider.
func (p Payload) Federated() bool { return p.IdentityProvider != "" }

// Plain reports whether the token hangs on its user and scope only.
func (p Payload) Plain() bool {
	return p.TrustID == "" && p.AccessTokenID == "" && p.AppCredID == "" && p.Thumbprint == "" && !p.Federated()
}

// The layouts of the original, by their version number.
const (
	unscoped = iota
	domainScoped
	projectScoped
	trustScoped
	federatedUnscoped
	federatedProject
	federatedDomain
	oauthScoped
	systemScoped
	appCredScoped
	oauth2Scoped
)

// field is one element of a layout.
type field struct {
	pack   func(*writer, *Payload)
	unpack func(*reader, *Payload)
}

// layouts say what follows the version number.
var layouts = [...][]field{
	unscoped:          {user, methods, expiry, audits},
	domainScoped:      {user, methods, bareDomain, expiry, audits},
	projectScoped:     {user, methods, project, expiry, audits},
	trustScoped:       {user, methods, project, expiry, audits, trust},
	federatedUnscoped: {user, methods, groups, idp, protocol, expiry, audits},
	federatedProject:  {user, methods, project, groups, idp, protocol, expiry, audits},
	federatedDomain:   {user, methods, domain, groups, idp, protocol, expiry, audits},
	oauthScoped:       {user, methods, project, accessToken, expiry, audits},
	systemScoped:      {user, methods, system, expiry, audits},
	appCredScoped:     {user, methods, project, expiry, audits, appCred},
	oauth2Scoped:      {user, methods, project, domain, expiry, audits, thumbprint},
}

// id is a field that holds an ID with a word on whether it was shortened.
func id(of func(*Payload) *string) field {
	return field{func(w *writer, p *Payload) { w.id(*of(p)) }, func(r *reader, p *Payload) { *of(p) = r.id() }}
}

var (
	user        = id(func(p *Payload) *string { return &p.UserID })
	project     = id(func(p *Payload) *string { return &p.ProjectID })
	domain      = id(func(p *Payload) *string { return &p.DomainID })
	accessToken = id(func(p *Payload) *string { return &p.AccessTokenID })
	appCred     = id(func(p *Payload) *string { return &p.AppCredID })
	idp         = id(func(p *Payload) *string { return &p.IdentityProvider })

	methods = field{func(w *writer, p *Payload) { w.int(w.methods.bits(p.Methods)) },
		func(r *reader, p *Payload) { p.Methods = r.methods.names(r.int()) }}
	bareDomain = field{func(w *writer, p *Payload) { w.bare(p.DomainID) },
		func(r *reader, p *Payload) { p.DomainID = r.bare(true) }}
	trust = field{func(w *writer, p *Payload) { w.bare(p.TrustID) },
		func(r *reader, p *Payload) { p.TrustID = r.bare(true) }}
	protocol = field{func(w *writer, p *Payload) { w.text(p.Protocol) },
		func(r *reader, p *Payload) { p.Protocol = r.bare(false) }}
	expiry = field{func(w *writer, p *Payload) { w.time(p.ExpiresAt) },
		func(r *reader, p *Payload) { p.ExpiresAt = r.time() }}
	audits = field{func(w *writer, p *Payload) { w.audits(p.AuditIDs) },
		func(r *reader, p *Payload) { p.AuditIDs = r.audits() }}
	groups = field{
		func(w *writer, p *Payload) {
			w.array(len(p.GroupIDs))
			for _, g := range p.GroupIDs {
				w.id(g)
			}
		},
		func(r *reader, p *Payload) { p.GroupIDs = r.ids() }}
	system = field{func(w *writer, p *Payload) { w.text("all") },
		func(r *reader, p *Payload) {
			p.System = r.bare(false) == "all"
			r.bad = r.bad || !p.System
		}}
	thumbprint = field{ // never shortened, though it may look like an ID
		func(w *writer, p *Payload) {
			w.array(2)
			w.bool(false)
			w.text(p.Thumbprint)
		},
		func(r *reader, p *Payload) { p.Thumbprint = r.id() }}
)

// errNoLayout is a combination that no layout of the original holds.
var errNoLayout = errors.New("no token can say that")

// version is the layout that says all of p.
func (p Payload) version() (int, error) {
	switch {
	case p.AccessTokenID != "":
		return oauthScoped, nil
	case p.TrustID != "":
		return trustScoped, nil
	case p.Federated():
		return p.federatedVersion()
	case p.AppCredID != "":
		return appCredScoped, nil
	case p.Thumbprint != "":
		return oauth2Scoped, nil
	case p.System:
		return systemScoped, nil
	case p.DomainID != "":
		return domainScoped, nil
	case p.ProjectID != "":
		return projectScoped, nil
	}
	return unscoped, nil
}

func (p Payload) federatedVersion() (int, error) {
	switch {
	case p.System:
		return 0, errNoLayout
	case p.ProjectID != "":
		return federatedProject, nil
	case p.DomainID != "":
		return federatedDomain, nil
	}
	return federatedUnscoped, nil
}

func (p Payload) pack(m Methods) ([]byte, error) {
	version, err := p.version()
	if err != nil {
		return nil, fmt.Errorf("pack token: %w", err)
	}
	layout := layouts[version]
	var buf bytes.Buffer
	w := newWriter(&buf, m)
	w.array(1 + len(layout))
	w.int(version)
	for _, f := range layout {
		f.pack(w, &p)
	}
	if w.err != nil {
		return nil, fmt.Errorf("pack token: %w", w.err)
	}
	return buf.Bytes(), nil
}

// unpack reads a payload; anything unexpected is ErrInvalid.
func unpack(b []byte, m Methods) (p Payload, err error) {
	r := &reader{d: msgpack.NewDecoder(bytes.NewReader(b)), left: len(b), methods: m}
	n := r.array()
	version := r.int()
	if r.bad || version >= len(layouts) || n != 1+len(layouts[version]) {
		return p, ErrInvalid
	}
	for _, f := range layouts[version] {
		f.unpack(r, &p)
	}
	if got, err := p.version(); r.bad || p.UserID == "" || err != nil || got != version {
		return Payload{}, ErrInvalid
	}
	return p, nil
}
