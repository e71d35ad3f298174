package cloud

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nacre/internal/keystone"
	driver "nacre/internal/keystone/identity"
	"nacre/internal/keystone/identity/ldap"
	"nacre/internal/keystone/identity/pam"
	"nacre/internal/keystone/service"
)

// identityDrivers are where domains may keep users and groups, beside our tables.
var identityDrivers = map[string]driver.New{"ldap": ldap.New, "pam": pam.New}

// IdentityOptions are the original's [identity], by their names there. What
// the API says of a domain holds without being enabled, and a file goes before it.
type IdentityOptions struct {
	Driver                           string `yaml:"driver"`                              // of the default domain: sql, ldap, pam
	DomainSpecificDriversEnabled     bool   `yaml:"domain_specific_drivers_enabled"`     // read domain_config_dir; lists are of one domain
	DomainConfigurationsFromDatabase bool   `yaml:"domain_configurations_from_database"` // what the API says of a domain holds
	DomainConfigDir                  string `yaml:"domain_config_dir"`                   // has keystone.NAME.conf for the domain NAME
	Caching                          bool   `yaml:"caching"`                             // of tokens whose users are kept elsewhere
	CacheTime                        int    `yaml:"cache_time"`                          // for so many seconds
}

// IDMapping is the original's [identity_mapping].
type IDMapping struct {
	BackwardCompatibleIDs bool `yaml:"backward_compatible_ids"` // the IDs of the default domain are those of its driver
}

// identity is where users and groups are kept. Every mistake is reported.
func (k KeystoneOptions) identity() (service.IdentityConfig, error) {
	o := k.Identity
	c := service.IdentityConfig{Drivers: identityDrivers, Driver: o.Driver, Options: keystone.DomainConfig{"ldap": k.LDAP, "pam": k.PAM},
		SpecificDrivers: o.DomainSpecificDriversEnabled, IgnoreDatabase: !o.DomainConfigurationsFromDatabase, MapDefault: !k.IdentityMapping.BackwardCompatibleIDs}
	if o.Caching {
		c.CacheTime = time.Duration(o.CacheTime) * time.Second
	}
	var errs []error
	if o.CacheTime < 0 {
		errs = append(errs, errors.New("identity.cache_time is negative"))
	}
	if err := c.Check("identity", keystone.DomainConfig{"identity": {"driver": o.Driver}}); err != nil {
		errs = append(errs, err)
	}
	for name, options := range c.Options {
		if len(options) > 0 && name != o.Driver {
			errs = append(errs, c.Check(name, keystone.DomainConfig{"identity": {"driver": name}}))
		}
	}
	if o.DomainSpecificDriversEnabled {
		var err error
		c.Domains, err = domainFiles(o.DomainConfigDir)
		errs = append(errs, err)
		for _, name := range slices.Sorted(maps.Keys(c.Domains)) {
			errs = append(errs, c.Check(domainFile(name), c.Domains[name]))
		}
	}
	return c, errors.Join(errs...)
}

func domainFile(name string) string { return "keystone." + name + ".conf" }

// domainFiles reads the configurations of domains, by name.
func domainFiles(dir string) (map[string]keystone.DomainConfig, error) {
	out := map[string]keystone.DomainConfig{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name, isConf := strings.CutPrefix(filepath.Base(path), "keystone.")
		name, ends := strings.CutSuffix(name, ".conf")
		if err != nil || e.IsDir() || !isConf || !ends || name == "" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if out[name], err = driver.ParseConf(string(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("domain_config_dir: %w", err)
	}
	return out, nil
}
