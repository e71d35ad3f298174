package cloud

import (
	"fmt"
	"path/filepath"
	"strings"
)

// WriteCredentials keeps openrc and clouds.yaml of the admin in the state
// directory, mode 0600, and returns their paths.
func (e *Env) WriteCredentials() (openrc, clouds string, err error) {
	openrc = filepath.Join(e.Config.StateDir, "openrc")
	clouds = filepath.Join(e.Config.StateDir, "clouds.yaml")
	if err := writePrivate(openrc, []byte(e.openrc())); err != nil {
		return "", "", fmt.Errorf("openrc: %w", err)
	}
	if err := writePrivate(clouds, []byte(e.cloudsYAML())); err != nil {
		return "", "", fmt.Errorf("clouds.yaml: %w", err)
	}
	return openrc, clouds, nil
}

func (e *Env) openrc() string {
	var b strings.Builder
	if !e.adminKnown {
		fmt.Fprintf(&b, "# The administrator's password is not known here:\n# %s.\n[ -n \"$OS_PASSWORD\" ] || echo 'export OS_PASSWORD, which is not known here' >&2\n", adminUnknown)
	}
	for _, kv := range [][2]string{
		{"OS_AUTH_URL", e.PublicURL(keystoneEntry) + "/v3"}, {"OS_USERNAME", "admin"}, {"OS_PASSWORD", e.adminPassword()},
		{"OS_PROJECT_NAME", "admin"}, {"OS_USER_DOMAIN_NAME", "Default"}, {"OS_PROJECT_DOMAIN_NAME", "Default"},
		{"OS_REGION_NAME", e.Config.Region}, {"OS_IDENTITY_API_VERSION", "3"}, {"OS_IMAGE_API_VERSION", "2"}, {"OS_CACERT", e.Config.TLS.CA},
	} {
		if kv[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "export %s='%s'\n", kv[0], strings.ReplaceAll(kv[1], "'", `'\''`))
	}
	return b.String()
}

// adminPassword is "" when it is not known.
func (e *Env) adminPassword() string {
	if e.adminKnown {
		return e.Secrets.AdminPassword
	}
	return ""
}

func (e *Env) cloudsYAML() string {
	password := "# no password, which is not known here: " + adminUnknown
	if e.adminKnown {
		password = fmt.Sprintf("password: %q", e.Secrets.AdminPassword)
	}
	cacert := ""
	if file := e.Config.TLS.CA; file != "" {
		cacert = fmt.Sprintf("    cacert: %q\n", file)
	}
	return fmt.Sprintf(`clouds:
  nacre:
    auth:
      auth_url: %s/v3
      username: admin
      %s
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
    region_name: %s
    identity_api_version: 3
    image_api_version: 2
%s`, e.PublicURL(keystoneEntry), password, e.Config.Region, cacert)
}
