package cloud_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
)

// TestPublicEndpoints: services behind one proxy, below paths, are found and
// followed through it alone.
func TestPublicEndpoints(t *testing.T) {
	var hostPort func(port int) string
	mux := http.NewServeMux()
	proxy := httptest.NewServer(mux)
	t.Cleanup(proxy.Close)
	public, versions := map[string]string{}, map[string]string{}
	for _, s := range cloud.Catalogue {
		public[s.Name], versions[s.Type] = proxy.URL+"/"+s.Type, proxy.URL+"/"+s.Type+s.Path
		mux.Handle("/"+s.Type+"/", http.StripPrefix("/"+s.Type, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: hostPort(s.Port)})
		}}))
	}
	whole := cloudtest.Start(t, 1, func(c *cloud.Config) { c.PublicEndpoints = public })
	hostPort = whole.Env.HostPort
	admin := whole.Token(cloudtest.Admin)
	get := func(url string) string {
		t.Helper()
		status, text := request(t, http.DefaultClient, "GET", url, "", "X-Auth-Token", admin)
		if status != 200 && status != 300 || strings.Contains(strings.ReplaceAll(text, proxy.URL, ""), "127.0.0.1") {
			t.Errorf("%s: %d %s", url, status, text)
		}
		return text
	}
	var catalogue struct {
		Catalog []struct {
			Type      string
			Endpoints []struct{ URL string }
		}
	}
	if err := json.Unmarshal([]byte(get(public["keystone"]+"/v3/auth/catalog")), &catalogue); err != nil || len(catalogue.Catalog) != len(versions) {
		t.Fatalf("%v %+v", err, catalogue)
	}
	for _, s := range catalogue.Catalog {
		for _, e := range s.Endpoints {
			if e.URL != versions[s.Type] {
				t.Errorf("the catalogue has %s", e.URL)
			}
		}
	}
	for url, link := range map[string]string{
		public["keystone"] + "/":                     versions["identity"] + "/",
		public["keystone"] + "/v3/projects":          versions["identity"] + "/projects/",
		public["glance"] + "/versions":               public["glance"] + "/v2/",
		public["neutron"] + "/":                      public["neutron"] + "/v2.0/",
		public["neutron"] + "/v2.0/networks?limit=1": public["neutron"] + "/v2.0/networks?limit=1&marker=",
		public["nova"] + "/":                         public["nova"] + "/v2.1/",
		versions["compute"] + "/flavors?limit=1":     versions["compute"] + "/flavors?limit=1&marker=",
	} {
		if text := strings.ReplaceAll(get(url), `\u0026`, "&"); !strings.Contains(text, `"`+link) {
			t.Errorf("%s has no link to %s: %s", url, link, text)
		}
	}
	r, err := http.NewRequest("PUT", public["placement"]+"/resource_classes/CUSTOM_ONE", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", admin)
	r.Header.Set("OpenStack-API-Version", "placement 1.39")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Location"); got != r.URL.String() {
		t.Errorf("%d, it is at %q", res.StatusCode, got)
	}
	for _, name := range []string{"openrc", "clouds.yaml"} {
		text, err := os.ReadFile(filepath.Join(whole.Env.Config.StateDir, name))
		if err != nil || !strings.Contains(string(text), versions["identity"]) {
			t.Errorf("%s: %v %s", name, err, text)
		}
	}
}

// TestPublicEndpointsAreChecked: what is no address of one service's API is refused.
func TestPublicEndpointsAreChecked(t *testing.T) {
	for name, want := range map[string]string{
		"keystone https://cloud.example:8443/identity/": "", "nova http://cloud.example": "",
		"identity https://cloud.example/identity": "there is no service", "keystone cloud.example/identity": "not an address", "keystone https:///identity": "not an address",
		"keystone https://cloud.example/identity?x": "not an address", "keystone https://user@cloud.example": "not an address",
		"keystone https://cloud.example/identity/v3": "without /v3",
	} {
		service, address, _ := strings.Cut(name, " ")
		cfg := cloud.DefaultConfig()
		cfg.PublicEndpoints = map[string]string{service: address}
		if err := cfg.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
