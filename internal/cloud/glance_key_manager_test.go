package cloud

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGlanceKeyManager(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"{}": "*barbican.Barbican",
		"{backend: barbican, barbican_endpoint: \"http://127.0.0.1:9311\", barbican_endpoint_type: internal, barbican_region_name: RegionOne}": "*barbican.Barbican",
		"{backend: file, certificates_dir: " + dir + "}": "*keymanager.Files",
	} {
		c, err := glanceConfig(t, "glance:\n  key_manager: "+text+"\n")
		if err != nil {
			t.Fatal(err)
		}
		keys, err := c.Glance.KeyManager.open(nil)
		if err != nil || c.Glance.check() != nil {
			t.Errorf("%s: %v, %v", text, err, c.Glance.check())
		}
		if got := fmt.Sprintf("%T", keys); got != want {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

// TestGlanceGuardsRefused: what is wrong with key managers and protections is
// told before anything starts.
func TestGlanceGuardsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "protections.conf")
	if err := os.WriteFile(file, []byte("[(?!x)]\ncreate = @\nread = @\nupdate = @\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"key_manager: {backend: vault}":                                               `"vault" is none of barbican, file`,
		"key_manager: {backend: file}":                                                "the backend file needs certificates_dir",
		"key_manager: {certificates_dir: /x}":                                         "certificates_dir is an option of the backend file",
		"key_manager: {backend: file, certificates_dir: /x, barbican_region_name: x}": "there are options of barbican",
		"key_manager: {barbican_endpoint_type: private}":                              "is none of public, internal, admin",
		"key_manager: {backend: file, certificates_dir: /nowhere/at/all}":             "certificates_dir: stat /nowhere/at/all: no such file or directory",
		"key_manager: {verify_ssl_path: /nowhere/at/all}":                             "verify_ssl_path: open /nowhere/at/all: no such file or directory",
		"key_manager: {verify_ssl_path: " + file + "}":                                "no certificate in " + file,
		"property_protection_file: /nowhere/at/all":                                   "property_protection_file: stat /nowhere/at/all: no such file or directory",
		"property_protection_rule_format: both":                                       `"both" is neither roles nor policies`,
		"property_protection_file: " + file:                                           "line 1: [(?!x)] does not say who may delete",
	} {
		c, err := glanceConfig(t, "glance:\n  "+text+"\n")
		if err == nil {
			err = c.Glance.check()
		}
		if err == nil {
			_, err = c.Glance.KeyManager.open(nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %s", text, err, want)
		}
	}
}
