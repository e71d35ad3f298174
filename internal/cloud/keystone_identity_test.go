package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity/ldap/slapd"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/config"
)

// TestDomainFiles: what the files of domains say holds, before what the API says.
func TestDomainFiles(t *testing.T) {
	ctx := t.Context()
	s := slapd.Start(t, slapd.User("alice", "Alice")+slapd.User("bob", "Bob"))
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("keystone.corp.conf", "[identity]\ndriver = ldap\nlist_limit = 1\n[ldap]\nurl = "+s.URL+"\nsuffix = "+slapd.Suffix+"\nuser_id_attribute = uid\nuser_name_attribute = cn\n")
	write("keystone.host.conf", "[identity]\ndriver = pam\n[pam]\nmax_uid = 1\n")
	write("other.conf", "[x")
	c := DefaultConfig()
	options := write("nacre.yaml", "keystone:\n  identity: {domain_specific_drivers_enabled: true, domain_config_dir: "+dir+"}\n  pam: {min_uid: 1, max_uid: 100}\n")
	if err := config.Load(options, false, &c); err == nil || !strings.Contains(err.Error(), "keystone.host.conf: driver pam: min_uid and max_uid") {
		t.Fatalf("a file that makes no sense: %v", err)
	}
	write("keystone.host.conf", "[identity]\ndriver = pam\n")
	c = DefaultConfig()
	if err := config.Load(options, false, &c); err != nil {
		t.Fatal(err)
	}
	c.StateDir, c.PasswordHashRounds = t.TempDir(), 4
	a := NewKeystoneAdmin(c)
	if err := a.Bootstrap(ctx, service.BootstrapConfig{AdminPassword: "secret"}); err != nil {
		t.Fatal(err)
	}
	err := a.change(ctx, func(svc identity) error {
		for _, name := range []string{"corp", "host"} {
			if _, err := svc.CreateDomain(ctx, keystone.Attributes{"name": name}); err != nil {
				return err
			}
		}
		corp, err := svc.Domains(ctx, keystone.Filters{{Name: "name", Value: "corp"}})
		if err != nil {
			return err
		}
		if _, _, err := svc.CreateDomainConfig(ctx, corp[0].ID, map[string]any{"identity": map[string]any{"driver": "sql"}}); err != nil {
			return err
		}
		if n, err := svc.IdentityListLimit(ctx, corp[0].ID); err != nil || n != 1 {
			t.Errorf("list_limit is %d %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := a.MappingPopulate(ctx, "corp"); err != nil || n != 2 {
		t.Errorf("corp has %d users: %v", n, err)
	}
	if n, err := a.MappingPopulate(ctx, "host"); err != nil || n == 0 {
		t.Errorf("this host has %d users: %v", n, err)
	}
	if n, err := a.MappingPurge(ctx, "corp", keystone.IDMappingFilter{}); err != nil || n != 2 {
		t.Errorf("%d mappings of corp: %v", n, err)
	}
	s.Stop()
	problems, err := a.Doctor(ctx)
	told := false
	for _, p := range problems {
		told = told || strings.Contains(p.What, "cannot be looked up")
	}
	if err != nil || !told {
		t.Errorf("the doctor does not miss the directory: %v %v", problems, err)
	}
}

// TestIdentityOptions: what the options say reaches the service; every mistake is told.
func TestIdentityOptions(t *testing.T) {
	k := defaultKeystone()
	if c, err := k.identity(); err != nil || c.CacheTime != time.Minute || c.IgnoreDatabase || c.MapDefault || c.SpecificDrivers {
		t.Errorf("defaults: %+v %v", c, err)
	}
	k.Identity.Caching, k.Identity.DomainConfigurationsFromDatabase, k.IdentityMapping.BackwardCompatibleIDs = false, false, false
	if c, err := k.identity(); err != nil || c.CacheTime != 0 || !c.IgnoreDatabase || !c.MapDefault {
		t.Errorf("%+v %v", c, err)
	}
	k.Identity.Driver, k.Identity.CacheTime, k.LDAP = "ldap", -1, map[string]any{"page_size": "x"}
	k.PAM, k.Catalog = map[string]any{"min_uid": 0}, CatalogOptions{Driver: "odd"}
	k.Identity.DomainSpecificDriversEnabled, k.Identity.DomainConfigDir = true, filepath.Join(t.TempDir(), "none")
	err := k.check()
	for _, want := range []string{"cache_time", "page_size", "min_uid", "catalog.driver", "domain_config_dir"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not reported: %v", want, err)
		}
	}
	k = defaultKeystone()
	k.Identity.Driver = "kerberos"
	if err := k.check(); err == nil || !strings.Contains(err.Error(), `there is no identity driver "kerberos"`) {
		t.Errorf("an unknown driver: %v", err)
	}
}
