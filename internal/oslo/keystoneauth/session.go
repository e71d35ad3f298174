package keystoneauth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"nacre/internal/oslo/auth"
)

// Config says who a service is to the others, and where they are.
type Config struct {
	AuthURL       string // "http://127.0.0.1:5000/v3"
	Username      string
	Password      string
	UserDomain    string // name; "Default" when empty
	Project       string // name; "service" when empty
	ProjectDomain string // name; "Default" when empty
	Region        string
	Interface     string // of the catalogue; "internal" when empty
	System        bool   // be somebody on the whole system, not on a project

	// Issue gives a token without a password where Keystone is in this process.
	Issue func(ctx context.Context) (token string, expires time.Time, err error)
	// Endpoints overrides the catalogue by service type.
	Endpoints map[string]string
}

// Session keeps a service user's token and makes clients of other services.
type Session struct {
	cfg       Config
	transport http.RoundTripper

	mu       sync.Mutex
	provider *gophercloud.ProviderClient
	expires  time.Time
}

// New makes a session; it authenticates when the first client is asked for.
func New(cfg Config, transport http.RoundTripper) *Session {
	for _, d := range []struct {
		field *string
		value string
	}{{&cfg.UserDomain, "Default"}, {&cfg.Project, "service"}, {&cfg.ProjectDomain, "Default"}, {&cfg.Interface, "internal"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	return &Session{cfg: cfg, transport: transport}
}

// renewBefore is how long before its expiry the service's token is replaced.
const renewBefore = 10 * time.Minute

// authenticated is the provider client with a token that is good for a while.
func (s *Session) authenticated(ctx context.Context) (*gophercloud.ProviderClient, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil && time.Until(s.expires) > renewBefore {
		return s.provider, nil
	}
	p, expires, err := s.authenticate(ctx)
	if err != nil {
		return nil, fmt.Errorf("authenticate %s: %w", s.cfg.Username, err)
	}
	s.provider, s.expires = p, expires
	return p, nil
}

func (s *Session) authenticate(ctx context.Context) (*gophercloud.ProviderClient, time.Time, error) {
	p, err := openstack.NewClient(s.cfg.AuthURL)
	if err != nil {
		return nil, time.Time{}, err
	}
	p.HTTPClient = http.Client{Transport: s.transport}
	p.UseTokenLock()
	if s.cfg.Issue != nil {
		token, expires, err := s.cfg.Issue(ctx)
		p.SetToken(token)
		return p, expires, err
	}
	err = openstack.Authenticate(ctx, p, s.password(s.scope()))
	if err != nil {
		return nil, time.Time{}, err
	}
	result, ok := p.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, time.Time{}, fmt.Errorf("keystone gave no v3 token")
	}
	token, err := result.ExtractToken()
	if err != nil {
		return nil, time.Time{}, err
	}
	return p, token.ExpiresAt, nil
}

func (s *Session) scope() *gophercloud.AuthScope {
	if s.cfg.System {
		return &gophercloud.AuthScope{System: true}
	}
	return &gophercloud.AuthScope{ProjectName: s.cfg.Project, DomainName: s.cfg.ProjectDomain}
}

// System is a session of the same user with the roles on the whole system: a
// Keystone that runs elsewhere tells a project's user of that project only.
func (s *Session) System() *Session {
	if s.cfg.Issue != nil {
		return s
	}
	cfg := s.cfg
	cfg.System = true
	return New(cfg, s.transport)
}

func (s *Session) password(scope *gophercloud.AuthScope) gophercloud.AuthOptions {
	return gophercloud.AuthOptions{IdentityEndpoint: s.cfg.AuthURL, Username: s.cfg.Username, Password: s.cfg.Password,
		DomainName: s.cfg.UserDomain, Scope: scope}
}

// TokenByTrust is a token of whoever trusts this service's user.
func (s *Session) TokenByTrust(ctx context.Context, trust string) (string, error) {
	p, err := openstack.NewClient(s.cfg.AuthURL)
	if err != nil {
		return "", err
	}
	p.HTTPClient = http.Client{Transport: s.transport}
	opts := s.password(&gophercloud.AuthScope{TrustID: trust})
	if s.cfg.Issue != nil {
		token, err := s.Token(ctx)
		if err != nil {
			return "", err
		}
		opts = gophercloud.AuthOptions{IdentityEndpoint: s.cfg.AuthURL, TokenID: token, Scope: opts.Scope}
	}
	if err := openstack.Authenticate(ctx, p, opts); err != nil {
		return "", fmt.Errorf("token by trust %s: %w", trust, err)
	}
	return p.Token(), nil
}

// Token is the service's own token.
func (s *Session) Token(ctx context.Context) (string, error) {
	p, err := s.authenticated(ctx)
	if err != nil {
		return "", err
	}
	return p.Token(), nil
}

// forget has the next call authenticate anew, if the session still has this token.
func (s *Session) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil && s.provider.Token() == token {
		s.provider = nil
	}
}

// Client is a client of another service with this service's own credentials.
// The type is the catalogue's: "network", "image", "placement", "compute", "identity".
func (s *Session) Client(ctx context.Context, serviceType string) (*gophercloud.ServiceClient, error) {
	p, err := s.authenticated(ctx)
	if err != nil {
		return nil, err
	}
	return s.client(ctx, p, p.Token(), serviceType)
}

// As is a client that acts with the token of ctx's caller and vouches for it
// with this service's own. Without a caller's token it is Client.
func (s *Session) As(ctx context.Context, serviceType string) (*gophercloud.ServiceClient, error) {
	p, err := s.authenticated(ctx)
	if err != nil {
		return nil, err
	}
	token := auth.Caller(ctx).Token
	if token == "" {
		return s.client(ctx, p, p.Token(), serviceType)
	}
	borrowed := &gophercloud.ProviderClient{IdentityBase: p.IdentityBase, IdentityEndpoint: p.IdentityEndpoint,
		HTTPClient: p.HTTPClient, EndpointLocator: p.EndpointLocator, UserAgent: p.UserAgent}
	borrowed.SetToken(token)
	return s.client(ctx, borrowed, p.Token(), serviceType)
}

func (s *Session) client(ctx context.Context, p *gophercloud.ProviderClient, own, serviceType string) (*gophercloud.ServiceClient, error) {
	url, err := s.endpoint(p, serviceType)
	if err != nil {
		return nil, fmt.Errorf("endpoint of %s: %w", serviceType, err)
	}
	c := &gophercloud.ServiceClient{ProviderClient: p, Endpoint: gophercloud.NormalizeURL(url), Type: serviceType,
		MoreHeaders: map[string]string{"X-Service-Token": own}}
	if base, ok := resourceBase[serviceType]; ok && !strings.HasSuffix(c.Endpoint, "/"+base) {
		c.ResourceBase = c.Endpoint + base
	}
	if id := auth.RequestID(ctx); id != "" {
		c.MoreHeaders["X-Openstack-Request-Id"] = id
	}
	return c, nil
}

// resourceBase is what clients put between a catalogue entry and a resource.
var resourceBase = map[string]string{"network": "v2.0/", "image": "v2/"}

func (s *Session) endpoint(p *gophercloud.ProviderClient, serviceType string) (string, error) {
	if url := s.cfg.Endpoints[serviceType]; url != "" {
		return url, nil
	}
	if p.EndpointLocator == nil {
		return "", fmt.Errorf("no catalogue")
	}
	opts := gophercloud.EndpointOpts{Region: s.cfg.Region, Availability: gophercloud.Availability(s.cfg.Interface)}
	opts.ApplyDefaults(serviceType)
	return p.EndpointLocator(opts)
}
