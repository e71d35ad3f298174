package service

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/mapping"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
)

// Ways in which a client may authenticate for an OAuth 2.0 token,
// [oauth2] oauth2_authn_methods.
const (
	ClientSecretBasic = "client_secret_basic"
	TLSClientAuth     = "tls_client_auth"
)

// OffersOAuth2 reports whether a client may authenticate in that way.
func (s *Service) OffersOAuth2(method string) bool {
	return slices.Contains(s.cfg.OAuth2Methods, method)
}

// methodCertificate is how a token tells that it is bound to a certificate.
const methodCertificate = "oauth2_credential"

// AuthenticateCertificate issues a token, on the user's default project and
// bound to the certificate, to the user of that ID, if the certificate names
// that very user as the mapping of certificates says.
func (s *Service) AuthenticateCertificate(ctx context.Context, userID string, cert *x509.Certificate) (keystone.Token, error) {
	u, err := s.userOfCertificate(ctx, userID, cert)
	s.notifyLogin(ctx, u, nil, err)
	if err != nil {
		return keystone.Token{}, err
	}
	return s.issueFor(ctx, proof{user: u, methods: []string{methodCertificate}, from: token.Payload{Thumbprint: auth.Thumbprint(cert)},
		scope: keystone.Scope{Project: &keystone.Ref{ID: u.DefaultProjectID}}})
}

// userOfCertificate is the user whom a certificate names, or 401 and the user in question.
func (s *Service) userOfCertificate(ctx context.Context, userID string, cert *x509.Certificate) (keystone.User, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return u, asUnauthorized(err)
	}
	if u.DefaultProjectID == "" {
		return u, unauthorized("user %s has no default project", userID)
	}
	d, err := s.Domain(ctx, u.DomainID)
	if err != nil {
		return u, asUnauthorized(err)
	}
	named, err := s.mapCertificate(ctx, cert)
	if err != nil {
		return u, err
	}
	if named.ID == "" && named.Name == "" && named.Email == "" {
		return u, unauthorized("mapping %s names nobody", s.cfg.OAuth2Mapping)
	}
	var domain mapping.Domain
	if named.Domain != nil {
		domain = *named.Domain
	}
	email, _ := u.Extra["email"].(string)
	for _, c := range []struct{ what, mapped, have string }{{"name", named.Name, u.Name}, {"ID", named.ID, u.ID}, {"email", named.Email, email},
		{"domain ID", domain.ID, d.ID}, {"domain name", domain.Name, d.Name}} {
		if c.mapped != "" && c.mapped != c.have {
			return u, unauthorized("the certificate is of a user with %s %q, not %q", c.what, c.mapped, c.have)
		}
	}
	return u, nil
}

// mapCertificate asks the mapping of certificates whom a certificate names.
func (s *Service) mapCertificate(ctx context.Context, cert *x509.Certificate) (mapping.User, error) {
	m, err := s.store.Mapping(ctx, s.cfg.OAuth2Mapping)
	if errors.Is(err, db.ErrNoRow) {
		return mapping.User{}, unauthorized("there is no mapping %s", s.cfg.OAuth2Mapping)
	} else if err != nil {
		return mapping.User{}, err
	}
	rules, err := mapping.Parse(m.SchemaVersion, []byte(m.Rules))
	if err != nil {
		return mapping.User{}, err
	}
	found, err := rules.Apply(certificateAttributes(cert))
	if err != nil {
		return mapping.User{}, unauthorized("mapping %s: %s", m.ID, err)
	}
	return found.User, nil
}

// certificateAttributes are what a mapping can ask about a certificate: the
// parts of the names of its subject and of its issuer. Each is one value,
// whatever is written in it; of a part that is there twice the last counts.
func certificateAttributes(cert *x509.Certificate) mapping.Assertion {
	out := mapping.Assertion{}
	for prefix, name := range map[string]pkix.Name{"SSL_CLIENT_SUBJECT_DN_": cert.Subject, "SSL_CLIENT_ISSUER_DN_": cert.Issuer} {
		for _, part := range name.Names {
			key := part.Type.String()
			if short, ok := dnKeys[key]; ok {
				key = short
			}
			if text, ok := part.Value.(string); ok && text != "" {
				out[prefix+key] = []string{text}
			}
		}
	}
	return out
}

// dnKeys are the short names of the parts of a name, as the original spells them.
var dnKeys = map[string]string{"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "EMAILADDRESS"}
