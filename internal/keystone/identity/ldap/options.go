package ldap

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone/identity"
)

// Options are those of the original's group ldap, by their names there.
type Options struct {
	URL           string `option:"url"` // several with commas or blanks between them
	RandomizeURLs bool   `option:"randomize_urls"`
	User          string `option:"user"` // its DN; "" asks anonymously
	Password      string `option:"password"`
	Suffix        string `option:"suffix"`

	QueryScope         string `option:"query_scope"` // one, sub
	PageSize           int    `option:"page_size"`   // 0 asks for all at once
	AliasDereferencing string `option:"alias_dereferencing"`
	DebugLevel         int    `option:"debug_level"`     // only 0
	ChaseReferrals     bool   `option:"chase_referrals"` // only false

	UserTreeDN                string   `option:"user_tree_dn"`
	UserFilter                string   `option:"user_filter"`
	UserObjectclass           string   `option:"user_objectclass"`
	UserID                    string   `option:"user_id_attribute"`
	UserName                  string   `option:"user_name_attribute"`
	UserMail                  string   `option:"user_mail_attribute"`
	UserDescription           string   `option:"user_description_attribute"`
	UserPass                  string   `option:"user_pass_attribute"` // never read
	UserEnabled               string   `option:"user_enabled_attribute"`
	UserEnabledInvert         bool     `option:"user_enabled_invert"`
	UserEnabledMask           int      `option:"user_enabled_mask"`
	UserEnabledDefault        string   `option:"user_enabled_default"`
	UserAttributeIgnore       []string `option:"user_attribute_ignore"`
	UserDefaultProjectID      string   `option:"user_default_project_id_attribute"`
	UserEnabledEmulation      bool     `option:"user_enabled_emulation"`
	UserEnabledEmulationDN    string   `option:"user_enabled_emulation_dn"`
	UserEnabledEmulationGroup bool     `option:"user_enabled_emulation_use_group_config"`
	UserAdditional            []string `option:"user_additional_attribute_mapping"` // attribute:name

	GroupTreeDN          string   `option:"group_tree_dn"`
	GroupFilter          string   `option:"group_filter"`
	GroupObjectclass     string   `option:"group_objectclass"`
	GroupID              string   `option:"group_id_attribute"`
	GroupName            string   `option:"group_name_attribute"`
	GroupMembersAreIDs   bool     `option:"group_members_are_ids"`
	GroupMember          string   `option:"group_member_attribute"`
	GroupDescription     string   `option:"group_desc_attribute"`
	GroupAttributeIgnore []string `option:"group_attribute_ignore"`
	GroupAdditional      []string `option:"group_additional_attribute_mapping"`
	GroupADNesting       bool     `option:"group_ad_nesting"`

	UseTLS            bool   `option:"use_tls"`
	TLSCACertFile     string `option:"tls_cacertfile"`
	TLSCACertDir      string `option:"tls_cacertdir"`
	TLSReqCert        string `option:"tls_req_cert"`       // demand, allow, never
	ConnectionTimeout int    `option:"connection_timeout"` // seconds; -1 is patience

	UsePool                bool    `option:"use_pool"`
	PoolSize               int     `option:"pool_size"`
	PoolRetryMax           int     `option:"pool_retry_max"`
	PoolRetryDelay         float64 `option:"pool_retry_delay"`         // seconds
	PoolConnectionTimeout  int     `option:"pool_connection_timeout"`  // seconds, also for an answer; -1 is patience
	PoolConnectionLifetime int     `option:"pool_connection_lifetime"` // seconds
	UseAuthPool            bool    `option:"use_auth_pool"`
	AuthPoolSize           int     `option:"auth_pool_size"`
	AuthPoolLifetime       int     `option:"auth_pool_connection_lifetime"` // seconds
}

// defaults are the original's.
func defaults() Options {
	return Options{URL: "ldap://localhost", Suffix: "cn=example,cn=com", QueryScope: "one", AliasDereferencing: "default",
		UserObjectclass: "inetOrgPerson", UserID: "cn", UserName: "sn", UserMail: "mail", UserDescription: "description", UserPass: "userPassword",
		UserEnabled: "enabled", UserEnabledDefault: "True", UserAttributeIgnore: []string{"default_project_id"}, UserAdditional: []string{},
		GroupObjectclass: "groupOfNames", GroupID: "cn", GroupName: "ou", GroupMember: "member", GroupDescription: "description",
		GroupAttributeIgnore: []string{}, GroupAdditional: []string{}, TLSReqCert: "demand", ConnectionTimeout: -1,
		UsePool: true, PoolSize: 10, PoolRetryMax: 3, PoolRetryDelay: 0.1, PoolConnectionTimeout: -1, PoolConnectionLifetime: 600,
		UseAuthPool: true, AuthPoolSize: 100, AuthPoolLifetime: 60}
}

// patience is how long a server may take where the options allow it for ever:
// nobody waits longer for a token.
const patience = 30 * time.Second

// readOptions reads what a domain configures; every mistake is reported.
func readOptions(given map[string]any) (Options, error) {
	o := defaults()
	errs := []error{identity.Decode(given, &o)}
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if o.UserTreeDN == "" {
		o.UserTreeDN = "ou=Users," + o.Suffix
	}
	if o.GroupTreeDN == "" {
		o.GroupTreeDN = "ou=UserGroups," + o.Suffix
	}
	if o.UserEnabledEmulationDN == "" {
		o.UserEnabledEmulationDN = "cn=enabled_users," + o.UserTreeDN
	}
	for name, dn := range map[string]string{"user_tree_dn": o.UserTreeDN, "group_tree_dn": o.GroupTreeDN, "user_enabled_emulation_dn": o.UserEnabledEmulationDN} {
		if _, err := goldap.ParseDN(dn); err != nil {
			bad("%s: %w", name, err)
		}
	}
	for name, filter := range map[string]string{"user_filter": o.UserFilter, "group_filter": o.GroupFilter} {
		if _, err := goldap.CompileFilter(filter); filter != "" && err != nil {
			bad("%s: %w", name, err)
		}
	}
	for name, attribute := range map[string]string{"user_id_attribute": o.UserID, "user_name_attribute": o.UserName, "group_id_attribute": o.GroupID,
		"group_name_attribute": o.GroupName, "group_member_attribute": o.GroupMember, "user_objectclass": o.UserObjectclass, "group_objectclass": o.GroupObjectclass} {
		if !descriptor.MatchString(attribute) {
			bad("%s: %q is no name of an attribute or class", name, attribute)
		}
	}
	for name, attribute := range map[string]string{"user_mail_attribute": o.UserMail, "user_description_attribute": o.UserDescription,
		"user_enabled_attribute": o.UserEnabled, "user_default_project_id_attribute": o.UserDefaultProjectID, "group_desc_attribute": o.GroupDescription} {
		if attribute != "" && !descriptor.MatchString(attribute) {
			bad("%s: %q is no name of an attribute", name, attribute)
		}
	}
	for name, list := range map[string][]string{"user_additional_attribute_mapping": o.UserAdditional, "group_additional_attribute_mapping": o.GroupAdditional} {
		for _, pair := range list {
			if attribute, to, ok := strings.Cut(pair, ":"); !ok || !descriptor.MatchString(attribute) || to == "" {
				bad("%s: %q is not attribute:name", name, pair)
			}
		}
	}
	if _, ok := scopes[o.QueryScope]; !ok {
		bad("query_scope: %q is neither one nor sub", o.QueryScope)
	}
	if _, ok := dereferences[o.AliasDereferencing]; !ok {
		bad("alias_dereferencing: %q is none of never, searching, finding, always, default", o.AliasDereferencing)
	}
	if o.ChaseReferrals {
		bad("chase_referrals: servers that others name are not asked; give the url of one that holds all")
	}
	if o.DebugLevel != 0 {
		bad("debug_level: there is no libldap here to be debugged")
	}
	for name, n := range map[string]int{"page_size": o.PageSize, "user_enabled_mask": o.UserEnabledMask, "pool_size": o.PoolSize - 1,
		"pool_retry_max": o.PoolRetryMax - 1, "pool_connection_lifetime": o.PoolConnectionLifetime - 1, "auth_pool_size": o.AuthPoolSize - 1,
		"auth_pool_connection_lifetime": o.AuthPoolLifetime - 1, "connection_timeout": o.ConnectionTimeout + 1,
		"pool_connection_timeout": o.PoolConnectionTimeout + 1} {
		if n < 0 {
			bad("%s is too small", name)
		}
	}
	if o.PoolRetryDelay < 0 {
		bad("pool_retry_delay is negative")
	}
	_, err := o.servers()
	return o, errors.Join(append(errs, err)...)
}

// descriptor is a name or an OID, with options such as ;binary.
var descriptor = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

var scopes = map[string]int{"one": goldap.ScopeSingleLevel, "sub": goldap.ScopeWholeSubtree}

var dereferences = map[string]int{"never": goldap.NeverDerefAliases, "searching": goldap.DerefInSearching, "finding": goldap.DerefFindingBaseObj,
	"always": goldap.DerefAlways, "default": goldap.NeverDerefAliases}

// ports are those of a URL without one.
var ports = map[string]string{"ldap": "389", "ldaps": "636"}

// server is one that can be asked.
type server struct {
	url     string
	address string      // host:port
	tls     *tls.Config // nil is in the clear
	early   bool        // TLS from the first byte on, ldaps
}

// servers are those of the URL, in the order in which they are tried.
func (o Options) servers() ([]server, error) {
	split := func(r rune) bool { return strings.ContainsRune(", \t\n", r) }
	list := strings.FieldsFunc(o.URL, split)
	if len(list) == 0 {
		return nil, errors.New("url is empty")
	}
	var out []server
	var errs []error
	for _, text := range list {
		u, err := url.Parse(text)
		if err == nil && (ports[u.Scheme] == "" || u.Hostname() == "") {
			err = fmt.Errorf("url: %q is neither ldap://host:port nor ldaps://host:port", text)
		}
		if err == nil && o.UseTLS && u.Scheme == "ldaps" {
			err = errors.New("invalid TLS / LDAPS combination: url is ldaps and use_tls is on")
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s := server{url: text, address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), ports[u.Scheme])), early: u.Scheme == "ldaps"}
		if o.UseTLS || s.early {
			s.tls, err = o.tlsConfig(u.Hostname())
			errs = append(errs, err)
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

// tlsConfig trusts the configured authorities, or the machine's if there are none.
func (o Options) tlsConfig(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	switch o.TLSReqCert {
	case "demand":
	case "allow", "never":
		c.InsecureSkipVerify = true
		return c, nil
	default:
		return nil, fmt.Errorf("tls_req_cert: %q is none of demand, allow, never", o.TLSReqCert)
	}
	files := []string{o.TLSCACertFile}
	switch {
	case o.TLSCACertFile != "":
	case o.TLSCACertDir == "":
		return c, nil
	default:
		entries, err := os.ReadDir(o.TLSCACertDir)
		if err != nil {
			return nil, fmt.Errorf("tls_cacertdir: %w", err)
		}
		files = nil
		for _, e := range entries {
			files = append(files, filepath.Join(o.TLSCACertDir, e.Name()))
		}
	}
	c.RootCAs = x509.NewCertPool()
	found := false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && o.TLSCACertFile != "" {
			return nil, fmt.Errorf("tls_cacertfile: %w", err)
		}
		found = c.RootCAs.AppendCertsFromPEM(text) || found
	}
	if !found {
		return nil, fmt.Errorf("no certificate in %s", strings.Join(files, ", "))
	}
	return c, nil
}
