package sso

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is how this cloud takes part in federation. Options of the original
// have its names; its relying parties are Apache's, so those are our own.
type Config struct {
	PublicURL string `yaml:"public_url"` // of the identity API, up to /v3, as browsers and identity providers reach it

	TrustedDashboards       []string `yaml:"trusted_dashboard"`         // where a browser may be sent with a token
	CallbackTemplate        string   `yaml:"sso_callback_template"`     // page that does so, with $host and $token; built in when empty
	RemoteIDAttribute       string   `yaml:"remote_id_attribute"`       // of assertions, where a protocol names none
	AssertionPrefix         string   `yaml:"assertion_prefix"`          // of the attributes that mappings may see
	DefaultAuthorizationTTL int      `yaml:"default_authorization_ttl"` // minutes that group memberships last, where the identity provider says nothing

	TrustedProxies []string `yaml:"trusted_proxies"` // addresses or networks whose request headers are assertions; none by default
	Providers      []Party  `yaml:"providers"`

	SAML IssuerConfig `yaml:"saml"` // this cloud as identity provider of others

	proxies []netip.Prefix
}

// Party is one protocol of an identity provider that this cloud speaks itself.
type Party struct {
	IdentityProvider string      `yaml:"identity_provider"`
	Protocol         string      `yaml:"protocol"`
	OIDC             *OIDCConfig `yaml:"oidc"`
	SAML             *SAMLConfig `yaml:"saml"`
}

// OIDCConfig is a client of an OpenID provider.
type OIDCConfig struct {
	Issuer        string   `yaml:"issuer"` // its discovery document is below
	ClientID      string   `yaml:"client_id"`
	ClientSecret  string   `yaml:"client_secret"`
	Scopes        []string `yaml:"scopes"`        // beside openid
	Audiences     []string `yaml:"audiences"`     // whom access tokens must be for; the client when empty
	Introspection string   `yaml:"introspection"` // endpoint that tells of access tokens; "" takes signed ones only
}

// SAMLConfig is a service provider of a SAML identity provider.
type SAMLConfig struct {
	Metadata         string `yaml:"metadata"`          // of the identity provider: a file, or an address that is fetched
	EntityID         string `yaml:"entity_id"`         // of ours; the address of its metadata when empty
	AllowUnsolicited bool   `yaml:"allow_unsolicited"` // takes assertions that we did not ask for, as another Keystone sends
	AllowSHA1        bool   `yaml:"allow_sha1"`        // takes signatures by SHA-1, as the original Keystone makes

	// Keys are files of a certificate and its RSA key, PEM. The first signs our
	// requests and is the one to encrypt assertions for. The others only decrypt:
	// the next one, or the last one.
	Keys []string `yaml:"keys"`
}

// IssuerConfig is what SAML assertions and metadata of this cloud say.
type IssuerConfig struct {
	AssertionExpiration time.Duration `yaml:"assertion_expiration_time"` // an hour when zero
	EntityID            string        `yaml:"idp_entity_id"`
	SSOEndpoint         string        `yaml:"idp_sso_endpoint"`
	Language            string        `yaml:"idp_lang"`
	Organization        string        `yaml:"idp_organization_name"`
	OrganizationDisplay string        `yaml:"idp_organization_display_name"`
	OrganizationURL     string        `yaml:"idp_organization_url"`
	ContactCompany      string        `yaml:"idp_contact_company"`
	ContactName         string        `yaml:"idp_contact_name"`
	ContactSurname      string        `yaml:"idp_contact_surname"`
	ContactEmail        string        `yaml:"idp_contact_email"`
	ContactTelephone    string        `yaml:"idp_contact_telephone"`
	ContactType         string        `yaml:"idp_contact_type"`
}

// Check reports every mistake.
func (c *Config) Check() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf("federation: "+format, a...)) }
	if c.PublicURL != "" && !isHTTP(c.PublicURL) {
		wrong("public_url: %q is no address", c.PublicURL)
	}
	if c.DefaultAuthorizationTTL < 0 {
		wrong("default_authorization_ttl is negative")
	}
	c.proxies = nil
	for _, p := range c.TrustedProxies {
		net, err := prefix(p)
		if err != nil {
			wrong("trusted_proxies: %q is neither an address nor a network", p)
		}
		c.proxies = append(c.proxies, net)
	}
	seen := map[[2]string]bool{}
	for _, p := range c.Providers {
		key := [2]string{p.IdentityProvider, p.Protocol}
		switch {
		case p.IdentityProvider == "" || p.Protocol == "":
			wrong("providers: identity_provider or protocol is missing")
		case seen[key]:
			wrong("providers: %s of %s is there twice", p.Protocol, p.IdentityProvider)
		case (p.OIDC == nil) == (p.SAML == nil):
			wrong("providers: %s of %s needs either oidc or saml", p.Protocol, p.IdentityProvider)
		case p.OIDC != nil && (!isHTTP(p.OIDC.Issuer) || p.OIDC.ClientID == ""):
			wrong("providers: %s of %s needs an issuer and a client_id", p.Protocol, p.IdentityProvider)
		case p.OIDC != nil && p.OIDC.Introspection != "" && !isHTTP(p.OIDC.Introspection):
			wrong("providers: introspection of %s is no address", p.IdentityProvider)
		case p.SAML != nil && p.SAML.Metadata == "":
			wrong("providers: %s of %s needs the metadata of its identity provider", p.Protocol, p.IdentityProvider)
		}
		seen[key] = true
	}
	return errors.Join(errs...)
}

func isHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// Protocols are those that relying parties here speak.
func (c *Config) Protocols() (out []string) {
	for _, p := range c.Providers {
		out = append(out, p.Protocol)
	}
	return out
}

// TrustsProxy reports whether headers of a request from there ("host:port") are assertions.
func (c *Config) TrustsProxy(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range c.proxies {
		if p.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// TrustsDashboard reports whether a browser may be sent there with a token.
func (c *Config) TrustsDashboard(address string) bool {
	for _, trusted := range c.TrustedDashboards {
		u, err := url.Parse(trusted)
		if err != nil {
			continue
		}
		u.Host = strings.ToLower(u.Host)
		if u.String() == address {
			return true
		}
	}
	return false
}
