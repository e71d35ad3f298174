package cloud

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	s := slapd.Start(t, slapd.User("alice", "Alice")+slapd.User("bob", "Bob")+slapd.Group("staff", "bob"))
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	corp := "[identity]\ndriver = ldap\nlist_limit = 1\n[ldap]\nurl = " + s.URL + "\nsuffix = " + slapd.Suffix + "\nuser_id_attribute = uid\nuser_name_attribute = cn\ngroup_name_attribute = cn\n"
	write("keystone.corp.conf", corp)
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
	doctorTells := func(wants ...string) {
		t.Helper()
		problems, err := a.Doctor(ctx)
		for _, want := range wants {
			if err != nil || !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.What, want) }) {
				t.Errorf("the doctor says nothing of %q: %v %v", want, problems, err)
			}
		}
	}
	write("keystone.nowhere.conf", "[identity]\ndriver = pam\n[pam]\nservice = nacre-nowhere\n")
	write("keystone.host.conf", "[identity]\ndriver = pam\n[pam]\nservice = nacre-nowhere\n")
	write("keystone.corp.conf", corp+"user_tree_dn = ou=Nobody,"+slapd.Suffix+"\n")
	c = DefaultConfig()
	c.StateDir, c.PasswordHashRounds = a.env.Config.StateDir, 4
	if err := config.Load(options, false, &c); err != nil {
		t.Fatal(err)
	}
	a = NewKeystoneAdmin(c)
	doctorTells("keystone.nowhere.conf is read, but there is no domain nowhere", "there is no /etc/pam.d/nacre-nowhere", "user_tree_dn: the directory shows no ou=Nobody,"+slapd.Suffix)
	err = a.change(ctx, func(svc identity) error {
		project, err := svc.Projects(ctx, keystone.Filters{{Name: "name", Value: "admin"}}, keystone.TagFilter{})
		if err != nil || len(project) != 1 {
			t.Fatal(project, err)
		}
		return svc.DeleteProject(ctx, project[0].ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := a.Doctor(ctx); err != nil || strings.Contains(fmt.Sprint(problems), "no enabled user has the role admin") {
		t.Errorf("there is an administrator on the system: %v %v", problems, err)
	}
	err = a.change(ctx, func(svc identity) error {
		corp, err1 := svc.Domains(ctx, keystone.Filters{{Name: "name", Value: "corp"}})
		groups, err2 := svc.Groups(ctx, keystone.Filters{{Name: "domain_id", Value: corp[0].ID}})
		roles, err3 := svc.Roles(ctx, keystone.Filters{{Name: "name", Value: "admin"}})
		users, err4 := svc.Users(ctx, keystone.Filters{{Name: "name", Value: "admin"}})
		if err := errors.Join(err1, err2, err3, err4); err != nil || len(groups) != 1 || len(users) != 1 {
			t.Fatal(groups, users, err)
		}
		err := svc.Grant(ctx, keystone.Assignment{ActorKind: keystone.ActorGroup, ActorID: groups[0].ID, TargetKind: keystone.TargetSystem, TargetID: keystone.SystemID, RoleID: roles[0].ID})
		if err == nil {
			_, err = svc.UpdateUser(ctx, users[0].ID, keystone.Attributes{"enabled": false})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	doctorTells("no enabled user has the role admin") // the group has nobody whom the wrong tree shows
	s.Stop()                                          // and with it who the only administrators are
	doctorTells("cannot be looked up", "not all could be looked at")
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
	if err := (service.IdentityConfig{}).Check("x.conf", keystone.DomainConfig{"identity": {"driver": "ldpa"}, "ldap": {"url": "x"}}); err == nil || err.Error() != `x.conf: there is no identity driver "ldpa"` {
		t.Errorf("options of an unknown driver: %v", err)
	}
}
