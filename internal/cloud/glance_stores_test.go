package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/oslo/config"
)

func glanceConfig(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nacre.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	return c, config.Load(file, false, &c)
}

func TestGlanceStores(t *testing.T) {
	dir := t.TempDir()
	c, err := glanceConfig(t, `
glance:
  enabled_backends: [fast:file, web:http, cold:s3, objects:swift]
  default_backend: cold
  user_storage_quota: 5GB
  backends:
    fast: {weight: 100, store_description: near, filesystem_store_datadirs: ["`+dir+`/a:1", "`+dir+`/b:2"]}
    web: {http_allowed_networks: [10.0.0.0/8]}
    cold: {s3_store_host: "http://127.0.0.1:1", s3_store_access_key: a, s3_store_secret_key: b, s3_store_bucket: images}
    objects: {swift_store_auth_address: "http://127.0.0.1:1/v3", swift_store_user: "service:glance", swift_store_key: k}
`)
	if err != nil {
		t.Fatal(err)
	}
	stores, err := c.Glance.open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range stores {
		got = append(got, s.ID+":"+s.Info().Type)
	}
	if strings.Join(got, " ") != "cold:s3 fast:file web:http objects:swift" || stores[1].Weight != 100 || stores[1].Description != "near" ||
		!stores[2].ReadOnly() || c.Glance.UserStorageQuota != "5GB" || c.Glance.ImageTagQuota != 128 {
		t.Errorf("got %v, %+v", got, c.Glance)
	}
	plain := DefaultConfig()
	if stores, err := plain.Glance.open(dir); err != nil || len(stores) != 1 || stores[0].ID != "file" {
		t.Errorf("without any: %+v, %v", stores, err)
	}
}

func TestGlanceStoresRefused(t *testing.T) {
	for text, want := range map[string]string{
		"enabled_backends: [fast]":                                      `"fast" is no store's name and type, as fast:file is`,
		"enabled_backends: [fast:tape]":                                 `"tape" is none of the types`,
		"enabled_backends: [old:sheepdog]":                              "the project Sheepdog has ended",
		"enabled_backends: [old:vmware]":                                "dropped the store of VMware",
		"enabled_backends: [vols:cinder]":                               "images in volumes are not there yet",
		"enabled_backends: [a:file, a:http]":                            "a is there twice",
		"enabled_backends: [os_glance_staging_store:file]":              "are the service's own",
		"enabled_backends: [web:http]":                                  "nothing can be uploaded",
		"enabled_backends: [a:file], default_backend: b":                `default_backend: "b" is not in enabled_backends`,
		"enabled_backends: [a:file], backends: {b: {weight: 1}}":        "b is not in enabled_backends",
		"enabled_backends: [a:file], backends: {a: {s3_store_host: x}}": "a is a store of the type file and has options of s3",
		"scrub_time: -1, enabled_backends: [a:tape]":                    "scrub_time",
		"worker_self_reference_url: 10.0.0.1:9292":                      `"10.0.0.1:9292" is no URL such as http://`,
		"import_filtering_opts: {allowed_schemes: [ftp, gopher]}":       `import_filtering_opts: "gopher" cannot be fetched: want some of http, https, ftp`,
		"import_filtering_opts: {disallowed_hosts: ['*.example.org']}":  `import_filtering_opts: "*.example.org" is no host`,
		"filesystem_store_datadir: /x":                                  `there is no option "filesystem_store_datadir" here`,
	} {
		if _, err := glanceConfig(t, "glance: {"+text+"}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
