package cloud

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
)

// KeystoneOptions are the options of the original's keystone.conf, by their
// names there; those of sections that have one option here bear no section.
type KeystoneOptions struct {
	V2                           bool               `yaml:"v2"`                                // serve version 2.0 of the API, too, and port 35357
	AllowExpiredWindow           int                `yaml:"allow_expired_window"`              // seconds for which an expired token is good for work of services that goes on
	ListLimit                    int                `yaml:"list_limit"`                        // resources in one list; 0 is any number
	ListLimits                   map[string]int     `yaml:"list_limits"`                       // the same by section: identity, resource, role, catalog, policy, unified_limit
	MaxProjectTreeDepth          int                `yaml:"max_project_tree_depth"`            // projects above one another in a domain
	EnforcementModel             string             `yaml:"enforcement_model"`                 // of limits: flat, strict_two_level
	ReturnAllEndpointsIfNoFilter bool               `yaml:"return_all_endpoints_if_no_filter"` // whom no endpoint filter concerns sees the whole catalogue
	ProhibitedImpliedRole        []string           `yaml:"prohibited_implied_role"`           // names of roles that no other may imply
	IncludedPreviousWindows      int                `yaml:"included_previous_windows"`         // half minutes for which a TOTP passcode stays good, 0 to 10
	OAuth2AuthnMethods           []string           `yaml:"oauth2_authn_methods"`              // tls_client_auth, client_secret_basic
	OAuth2CertDNMappingID        string             `yaml:"oauth2_cert_dn_mapping_id"`         // says whom a client's certificate names
	NotificationFormat           string             `yaml:"notification_format"`               // of events: basic, cadf
	NotificationOptOut           []string           `yaml:"notification_opt_out"`              // events that nobody is told of
	SecurityCompliance           SecurityCompliance `yaml:"security_compliance"`

	Identity        IdentityOptions `yaml:"identity"`
	IdentityMapping IDMapping       `yaml:"identity_mapping"`
	LDAP            map[string]any  `yaml:"ldap"` // of the default domain with the driver ldap: the original's [ldap]
	PAM             map[string]any  `yaml:"pam"`  // of domains with the driver pam: service, min_uid, max_uid, timeout
	Catalog         CatalogOptions  `yaml:"catalog"`
}

// SecurityCompliance is about users and their passwords; 0 turns each option off.
type SecurityCompliance struct {
	DisableUserAccountDaysInactive int    `yaml:"disable_user_account_days_inactive"`
	LockoutFailureAttempts         int    `yaml:"lockout_failure_attempts"`
	LockoutDuration                int    `yaml:"lockout_duration"` // seconds; 0 is until an administrator enables the user
	PasswordExpiresDays            int    `yaml:"password_expires_days"`
	UniqueLastPasswordCount        int    `yaml:"unique_last_password_count"`
	MinimumPasswordAge             int    `yaml:"minimum_password_age"` // days
	PasswordRegex                  string `yaml:"password_regex"`       // Python's, look-ahead included
	PasswordRegexDescription       string `yaml:"password_regex_description"`
	ChangePasswordUponFirstUse     bool   `yaml:"change_password_upon_first_use"`
	InsecureAdminCredentials       bool   `yaml:"allow_insecure_admin_trust_cross_project_credentials_access"` // an administrator's delegated token reaches credentials of all projects
	InsecureAppCredTrusts          bool   `yaml:"allow_insecure_application_credential_trust_escalation"`      // application credentials may make trusts
}

// defaultKeystone are the original's defaults.
func defaultKeystone() KeystoneOptions {
	return KeystoneOptions{AllowExpiredWindow: int(service.DefaultAllowExpired / time.Second), MaxProjectTreeDepth: 5, EnforcementModel: keystone.FlatLimits.Name, ReturnAllEndpointsIfNoFilter: true,
		ProhibitedImpliedRole: []string{"admin"}, IncludedPreviousWindows: 1,
		OAuth2AuthnMethods: []string{service.TLSClientAuth, service.ClientSecretBasic}, OAuth2CertDNMappingID: "oauth2_mapping",
		NotificationFormat: service.NotificationsCADF, NotificationOptOut: service.DefaultNotificationOptOut, SecurityCompliance: SecurityCompliance{LockoutDuration: 1800},
		Identity:        IdentityOptions{Driver: "sql", DomainConfigurationsFromDatabase: true, DomainConfigDir: "/etc/keystone/domains", Caching: true, CacheTime: 60},
		IdentityMapping: IDMapping{BackwardCompatibleIDs: true}, Catalog: CatalogOptions{Driver: "sql", TemplateFile: "default_catalog.templates"}}
}

// allowExpired is allow_expired_window.
func (k KeystoneOptions) allowExpired() time.Duration {
	return time.Duration(k.AllowExpiredWindow) * time.Second
}

// apply adds the options to those of the service.
func (k KeystoneOptions) apply(c service.Config) service.Config {
	s := k.SecurityCompliance
	c.AllowExpired = cmp.Or(k.allowExpired(), service.NoExpired)
	c.ListLimits = map[string]int{"": k.ListLimit}
	for section, n := range k.ListLimits {
		c.ListLimits[section] = n
	}
	c.MaxProjectTreeDepth, c.EnforcementModel = k.MaxProjectTreeDepth, k.EnforcementModel
	c.EmptyCatalogUnfiltered, c.ProhibitedImplied = !k.ReturnAllEndpointsIfNoFilter, k.ProhibitedImpliedRole
	c.NotificationFormat, c.NotificationOptOut = k.NotificationFormat, append([]string{}, k.NotificationOptOut...)
	c.OAuth2Methods, c.OAuth2Mapping = append([]string{}, k.OAuth2AuthnMethods...), k.OAuth2CertDNMappingID
	c.PasscodeWindows = k.IncludedPreviousWindows + 1
	c.Compliance = service.Compliance{DisableUserDaysInactive: s.DisableUserAccountDaysInactive, LockoutFailureAttempts: s.LockoutFailureAttempts,
		LockoutDuration: time.Duration(s.LockoutDuration) * time.Second, PasswordExpiresDays: s.PasswordExpiresDays,
		UniqueLastPasswords: s.UniqueLastPasswordCount, MinimumPasswordAge: s.MinimumPasswordAge, PasswordRegex: s.PasswordRegex,
		PasswordRegexDescription: s.PasswordRegexDescription, ChangePasswordFirst: s.ChangePasswordUponFirstUse,
		InsecureAdminCredentials: s.InsecureAdminCredentials, InsecureAppCredTrusts: s.InsecureAppCredTrusts}
	return c
}

// check reports every mistake.
func (k KeystoneOptions) check() error {
	var errs []error
	if _, ok := keystone.LimitModelNamed(k.EnforcementModel); !ok {
		errs = append(errs, fmt.Errorf("enforcement_model: %q is neither flat nor strict_two_level", k.EnforcementModel))
	}
	for _, m := range k.OAuth2AuthnMethods {
		if m != service.TLSClientAuth && m != service.ClientSecretBasic {
			errs = append(errs, fmt.Errorf("oauth2_authn_methods: %q is neither tls_client_auth nor client_secret_basic", m))
		}
	}
	if k.NotificationFormat != service.NotificationsBasic && k.NotificationFormat != service.NotificationsCADF {
		errs = append(errs, fmt.Errorf("notification_format: %q is neither basic nor cadf", k.NotificationFormat))
	}
	if k.MaxProjectTreeDepth < 1 {
		errs = append(errs, errors.New("max_project_tree_depth is less than 1"))
	}
	if k.IncludedPreviousWindows < 0 || k.IncludedPreviousWindows > 10 {
		errs = append(errs, errors.New("included_previous_windows is not within 0 and 10"))
	}
	s := k.SecurityCompliance
	for name, n := range map[string]int{"allow_expired_window": k.AllowExpiredWindow, "list_limit": k.ListLimit, "disable_user_account_days_inactive": s.DisableUserAccountDaysInactive,
		"lockout_failure_attempts": s.LockoutFailureAttempts, "lockout_duration": s.LockoutDuration, "password_expires_days": s.PasswordExpiresDays,
		"unique_last_password_count": s.UniqueLastPasswordCount, "minimum_password_age": s.MinimumPasswordAge} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", name))
		}
	}
	if _, err := k.Catalog.template(nil); err != nil {
		errs = append(errs, err)
	}
	if _, err := k.identity(); err != nil {
		errs = append(errs, err)
	}
	if err := k.apply(service.Config{}).Compliance.Check(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("keystone: %w", err)
	}
	return nil
}
