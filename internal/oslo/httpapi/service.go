package httpapi

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

// Service describes one API: its routes and the manners that differ between
// the OpenStack services.
type Service struct {
	Name   string // "nova"
	Type   string // "compute", the word in OpenStack-API-Version
	Prefix string // "/v2.1", before the paths of Table
	Roots  Table  // discovery: paths from the root, outside Prefix
	Table  Table

	Schemas fs.FS                      // holds the files that Bodies and Queries name
	Formats map[string]func(any) error // JSON schema formats of the service's own

	OptionalProject bool // Prefix/{project_id}/… means the same
	MinVersion      string
	MaxVersion      string   // "" when the service has no microversions
	VersionHeaders  []string // older names of the version header, bare version in them

	Rules     []policy.Rule // base rules, beside those in the rows
	AdminRule string        // tells Caller.Admin

	RouteFirst  bool // unknown paths are 404 even without a token
	PolicyFirst bool // the rule is asked before the body's schema
	StrictJSON  bool // bodies must be declared as JSON
	HeadFromGet bool // every GET answers HEAD
	TrimSlash   bool // a trailing slash means nothing

	PlainQuery   bool // query schemas see the last value of each key, as a string
	ShallowFirst bool // of several mistakes the one nearest the top of the body is told
	UnknownFirst bool // with ShallowFirst: and an unknown property before a missing one

	Fault        func(c *Call, f *fault.Fault) Response // the error envelope
	SchemaFault  func(e SchemaError) *fault.Fault       // nil: 400 with the schema's sentence
	Malformed    func(f *fault.Fault) *fault.Fault      // rewords body-empty, body-json, body, media, version
	NotFound     func(c *Call) Response
	NotAllowed   func(c *Call, allow []string) Response // nil: NotFound
	Unauthorized func(c *Call) Response                 // nil: keystonemiddleware's answer
	Forbidden    func(c *Call, rule string, f *fault.Fault) *fault.Fault
	Options      func(c *Call, allow []string) Response // nil: NotAllowed
	Before       func(c *Call) *Response                // after the token was checked; an answer ends the call
	Admit        func(c *Call) error                    // when the row is known, before its rule and its schemas

	Headers          http.Header // of every answer
	Vary             string      // how answers name the version header in Vary; "" is OpenStack-API-Version
	RequestIDHeaders []string    // beside x-openstack-request-id
	EmptyBody        string      // what a body that was not sent means, e.g. "{}"; "": a fault
	ContentType      string      // of JSON answers; "" is application/json
	BodyLimit        int64       // bytes; 0 is 114688, oslo.middleware's default
}

// Door is what the front of every service needs from its surroundings.
type Door struct {
	Tokens auth.Validator
	// Expired is Tokens that knows tokens for a while after they have expired:
	// of the calls that a service vouches for. nil is Tokens.
	Expired func(ctx context.Context, token string) (auth.Identity, error)
	// ServiceRoles are those any of which makes a token in X-Service-Token one
	// of a service; "service" when empty.
	ServiceRoles []string
	PolicyFile   string // overrides, "" for none
	IdentityURL  string // told in WWW-Authenticate
	PublicURL    string // of this API, without its version, which answers name; "" is what the client used
	Clock        clock.Clock
	// CertificateProxies end TLS for this service, and are believed when they
	// tell whose certificate a client has.
	CertificateProxies []netip.Prefix
	Observe            func(r *http.Request, route string, status int, seconds float64)
}

// Response is an answer ready to be sent.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// API is a service behind its door, an http.Handler.
type API struct {
	svc     Service
	door    Door
	policy  *policy.Enforcer
	schemas *schemaSet
	tree    *tree
	roots   *tree
	headers http.Header // the service's Headers by canonical name; their values are only replaced, never changed
	log     *slog.Logger
	linger  time.Duration // how long a body that was refused is read on
}

// New checks and compiles the tables and policies of s, and finds its schemas.
func New(s Service, d Door) (*API, error) {
	if s.BodyLimit == 0 {
		s.BodyLimit = 114688
	}
	if s.ContentType == "" {
		s.ContentType = "application/json"
	}
	if d.Clock == nil {
		d.Clock = clock.System
	}
	if len(d.ServiceRoles) == 0 {
		d.ServiceRoles = []string{"service"}
	}
	a := &API{svc: s, door: d, tree: &tree{}, roots: &tree{}, headers: http.Header{}, log: slog.Default().With("service", s.Name), linger: lingerTime}
	for k, vs := range s.Headers {
		a.headers[http.CanonicalHeaderKey(k)] = slices.Clip(vs)
	}
	var err error
	if a.policy, err = policy.New(a.rules(), d.PolicyFile); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	if a.schemas, err = newSchemaSet(&a.svc); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	for i := range s.Table {
		if err := a.tree.add(s.Table[i].Path, &s.Table[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for i := range s.Roots {
		if err := a.roots.add(s.Roots[i].Path, &s.Roots[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return a, nil
}

func (a *API) rules() []policy.Rule {
	rules := append([]policy.Rule(nil), a.svc.Rules...)
	for _, t := range []Table{a.svc.Roots, a.svc.Table} {
		for _, r := range t {
			if r.Rule.Name != "" && !(r.Rule.Check == "" && known(a.svc.Rules, r.Rule.Name)) {
				rules = append(rules, r.Rule)
			}
		}
	}
	return rules
}

// known lets a row name a base rule without repeating its check.
func known(rules []policy.Rule, name string) bool {
	for _, r := range rules {
		if r.Name == name {
			return true
		}
	}
	return false
}

// Table lists all routes, those of the prefix with their full path.
func (a *API) Table() Table {
	out := append(Table(nil), a.svc.Roots...)
	for _, r := range a.svc.Table {
		r.Path = a.svc.Prefix + r.Path
		out = append(out, r)
	}
	return out
}

// Service is the description the API was made from.
func (a *API) Service() Service { return a.svc }

// Policy is the compiled policy of the service.
func (a *API) Policy() *policy.Enforcer { return a.policy }
