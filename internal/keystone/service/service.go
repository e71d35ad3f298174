// Package service says what the calls of the identity API mean.
package service

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/messaging"
)

// Compliance holds the options of [security_compliance], by their names
// there; zero turns each off.
type Compliance struct {
	DisableUserDaysInactive  int           // disable_user_account_days_inactive
	LockoutFailureAttempts   int           // lockout_failure_attempts
	LockoutDuration          time.Duration // lockout_duration; 0 is until an administrator enables the user
	PasswordExpiresDays      int           // password_expires_days
	UniqueLastPasswords      int           // unique_last_password_count
	MinimumPasswordAge       int           // minimum_password_age, days
	PasswordRegex            string        // password_regex, as Python's
	PasswordRegexDescription string        // password_regex_description
	ChangePasswordFirst      bool          // change_password_upon_first_use
	InsecureAdminCredentials bool          // allow_insecure_admin_trust_cross_project_credentials_access
	InsecureAppCredTrusts    bool          // allow_insecure_application_credential_trust_escalation
}

// Config holds the options of the original that apply, by their names there.
type Config struct {
	Expiration         time.Duration // [token] expiration; default 1 h
	AllowExpired       time.Duration // [token] allow_expired_window; default 48 h, NoExpired for none
	ReceiptExpiration  time.Duration // [receipt] expiration; default 5 min
	PasscodeWindows    int           // whose TOTP passcodes are good, the current and those before; [totp] included_previous_windows + 1; default 2
	NoRescope          bool          // not [token] allow_rescope_scoped_token
	Methods            []string      // [auth] methods; default token.DefaultMethods
	PasswordHashRounds int           // [identity] password_hash_rounds; default 12
	MaxPasswordLength  int           // [identity] max_password_length, bytes; default 4096
	Hashers            int           // passwords hashed at once; default one less than CPUs, at least 1

	ListLimits             map[string]int // [section] list_limit; "" is [DEFAULT]; 0 is none
	MaxProjectTreeDepth    int            // [DEFAULT] max_project_tree_depth; default 5
	EnforcementModel       string         // [unified_limit] enforcement_model; default flat
	EmptyCatalogUnfiltered bool           // not [endpoint_filter] return_all_endpoints_if_no_filter
	ProhibitedImplied      []string       // [assignment] prohibited_implied_role; default admin
	Compliance             Compliance

	CredentialUserLimit            int           // [credential] user_limit; 0 is no limit
	CredentialAuthTTL              time.Duration // [credential] auth_ttl, for signed requests; default 15 min
	ApplicationCredentialUserLimit int           // [application_credential] user_limit; 0 is no limit
	MaxRedelegationCount           int           // [trust] max_redelegation_count; default 3
	OAuth2Methods                  []string      // [oauth2] oauth2_authn_methods; nil is both
	OAuth2Mapping                  string        // [oauth2] oauth2_cert_dn_mapping_id; default oauth2_mapping

	NotificationFormat string   // [DEFAULT] notification_format; default cadf
	NotificationOptOut []string // [DEFAULT] notification_opt_out; nil is DefaultNotificationOptOut

	RequestTokenDuration time.Duration // [oauth1] request_token_duration; default 8 h
	AccessTokenDuration  time.Duration // [oauth1] access_token_duration; default 24 h
}

// DefaultAllowExpired is the original's [token] allow_expired_window.
const DefaultAllowExpired = 48 * time.Hour

// NoExpired is an AllowExpired with which expired tokens are of no use.
const NoExpired time.Duration = -1

// Deps is what the service is made of.
type Deps struct {
	Store    *store.Store
	Tokens   token.Provider
	Receipts token.Receipts
	SSO      *sso.Parties // nil is in federation with nobody
	Identity IdentityConfig
	Template *keystone.CatalogTemplate // the catalogue; nil keeps it in the store
	Clock    clock.Clock               // nil is the machine's
	Config   Config
	Events   *messaging.Notifier // nil tells nobody

	CredentialKeys *token.Repository // seal credentials
}

// Service answers the identity API and validates tokens.
type Service struct {
	store    *store.Store
	tokens   token.Provider
	receipts token.Receipts
	clock    clock.Clock
	cfg      Config
	hasher   *hasher
	cache    cache
	methods  map[string]prover
	kinds    []kind
	sso      *sso.Parties
	events   *messaging.Notifier

	identities *identities
	template   *keystone.CatalogTemplate

	answers    answers
	limitModel keystone.LimitModel
	pattern    *pattern // what a new password must match; nil is anything

	credentialKeys *token.Repository

	samePasscode func(a, b []byte) int // 1 if they are; subtle's
}

var _ auth.Validator = (*Service)(nil)

// New makes the service; zero options get their defaults.
func New(d Deps) *Service {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	c := &d.Config
	if c.Expiration == 0 {
		c.Expiration = time.Hour
	}
	if c.AllowExpired == 0 {
		c.AllowExpired = DefaultAllowExpired
	}
	c.AllowExpired = max(c.AllowExpired, 0)
	if c.PasscodeWindows == 0 {
		c.PasscodeWindows = 2
	}
	if c.ReceiptExpiration == 0 {
		c.ReceiptExpiration = 5 * time.Minute
	}
	if c.PasswordHashRounds == 0 {
		c.PasswordHashRounds = 12
	}
	if c.MaxPasswordLength == 0 {
		c.MaxPasswordLength = 4096
	}
	if c.Hashers == 0 {
		c.Hashers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.Methods == nil {
		c.Methods = token.DefaultMethods
	}
	c.derivedDefaults()
	c.OAuth2Mapping = cmp.Or(c.OAuth2Mapping, "oauth2_mapping")
	if c.OAuth2Methods == nil {
		c.OAuth2Methods = []string{TLSClientAuth, ClientSecretBasic}
	}
	c.NotificationFormat = cmp.Or(c.NotificationFormat, NotificationsCADF)
	if c.NotificationOptOut == nil {
		c.NotificationOptOut = DefaultNotificationOptOut
	}
	if d.SSO == nil {
		d.SSO = &sso.Parties{}
	}
	d.Store.As(d.Clock, time.Duration(d.SSO.DefaultAuthorizationTTL)*time.Minute)
	if c.MaxProjectTreeDepth == 0 {
		c.MaxProjectTreeDepth = 5
	}
	if c.ProhibitedImplied == nil {
		c.ProhibitedImplied = []string{"admin"}
	}
	p, _ := passwordPattern(c.Compliance) // Check reports it; until then no password is accepted
	model, known := keystone.LimitModelNamed(c.EnforcementModel)
	if !known {
		model = keystone.FlatLimits
	}
	s := &Service{store: d.Store, sso: d.SSO, events: d.Events, tokens: d.Tokens, receipts: d.Receipts, credentialKeys: d.CredentialKeys, clock: d.Clock, cfg: *c, hasher: newHasher(*c), limitModel: model, pattern: p,
		samePasscode: subtle.ConstantTimeCompare}
	if s.template = d.Template; s.template != nil {
		d.Store.FixCatalog(*s.template)
	}
	s.identities = &identities{sqlIdentity: sqlIdentity{s}, cfg: d.Identity}
	s.methods, s.kinds = s.provers(), s.tokenKinds()
	return s
}

// CatalogFixed reports whether the catalogue stands in a template, so that nobody changes it.
func (s *Service) CatalogFixed() bool { return s.template != nil }

// ListLimit is how many resources a list of a section may hold; 0 is any number.
func (s *Service) ListLimit(section string) int {
	if n, ok := s.cfg.ListLimits[section]; ok {
		return n
	}
	return s.cfg.ListLimits[""]
}

// rows is where resources are looked up: the store, or a transaction. Changes
// look up in theirs, and transactions run one after another, so what was found
// still holds when it is written.
type rows interface {
	actors
	Project(ctx context.Context, id string) (keystone.Project, error)
	Role(ctx context.Context, id string) (keystone.Role, error)
	Roles(ctx context.Context, fs keystone.Filters) ([]keystone.Role, error)
	Region(ctx context.Context, id string) (keystone.Region, error)
	Service(ctx context.Context, id string) (keystone.Service, error)
	Endpoint(ctx context.Context, id string) (keystone.Endpoint, error)
	EndpointGroup(ctx context.Context, id string) (keystone.EndpointGroup, error)
	Policy(ctx context.Context, id string) (keystone.Policy, error)
	Parents(ctx context.Context, p keystone.Project) ([]keystone.Project, error)
	Subtree(ctx context.Context, id string) ([]keystone.Project, error)
}

// actors is where users and groups are looked up.
type actors interface {
	User(ctx context.Context, id string) (keystone.User, error)
	Group(ctx context.Context, id string) (keystone.Group, error)
}

// change runs fn in a transaction and gives what it made.
func change[T any](ctx context.Context, s *Service, fn func(ctx context.Context, tx *store.Tx) (T, error)) (v T, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, err = fn(ctx, tx)
		return err
	})
	return v, err
}

// remove deletes what events call resource and the client what, or is 404.
func (s *Service) remove(ctx context.Context, resource, what, id string, del func(tx *store.Tx, ctx context.Context, id string) error) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, resource, deleted, id)
		return del(tx, ctx, id)
	})
	return missing(err, what, id)
}

// missing turns ErrNoRow into the original's 404.
func missing(err error, what, id string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Could not find %s: %s.", what, id)
	} else if err != nil {
		return fmt.Errorf("%s %s: %w", what, id, err)
	}
	return nil
}

// duplicate turns ErrDuplicate into the original's 409.
func duplicate(err error, what, format string, a ...any) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflict("Conflict occurred attempting to store %s - %s.", what, fmt.Sprintf(format, a...))
	} else if err != nil {
		return fmt.Errorf("store %s: %w", what, err)
	}
	return nil
}

// sameID refuses a body that names another ID than the path.
func sameID(a keystone.Attributes, id string) error {
	if a["id"] != nil && a.Text("id") != id {
		return fault.BadRequest("Cannot change ID")
	}
	return nil
}

// sameDomain refuses to move a resource to another domain.
func sameDomain(a keystone.Attributes, domainID string) error {
	if a.Has("domain_id") && a.Text("domain_id") != domainID {
		return fault.BadRequest("Cannot change Domain ID")
	}
	return nil
}

// domainFor is the domain that a new resource goes into.
func domainFor(ctx context.Context, a keystone.Attributes) string {
	if id := a.Text("domain_id"); id != "" {
		return id
	}
	if id := auth.Caller(ctx).DomainID; id != "" {
		return id
	}
	return keystone.DefaultDomainID
}

// Healthy reports whether the database answers.
func (s *Service) Healthy(ctx context.Context) error { return s.store.Ping(ctx) }

// Close ends connections to where users are kept elsewhere.
func (s *Service) Close() error { return s.identities.Close() }
