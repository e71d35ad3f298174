package cloud_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nacre/internal/cloudtest"
)

// FuzzRequests sends any method, path, query and body to every service as the
// administrator: nothing makes a service fail.
func FuzzRequests(f *testing.F) {
	c := cloudtest.Start(f, 1)
	c.People()
	token := c.Token(cloudtest.Admin)
	services := []string{"keystone", "glance", "placement", "nova", "neutron"}
	none := "00000000-0000-0000-0000-000000000000"
	for i, seed := range [][3]string{
		{"POST", "/v3/users", `{"user": {"name": "a", "options": {}}}`}, {"POST", "/v2/images", `{"name": "a", "x": "y"}`},
		{"PUT", "/allocations/" + none, `{"allocations": {}, "project_id": "p", "user_id": "u", "consumer_generation": null}`},
		{"POST", "/v2.1/servers", `{"server": {"name": "a", "flavorRef": "42", "networks": "none"}}`},
		{"POST", "/v2.0/networks", `{"network": {"name": "a"}}`},
	} {
		f.Add(uint8(i), seed[0], seed[1], seed[2])
	}
	for i, name := range services {
		for _, r := range c.APIs[name].Table() {
			path := parameter.ReplaceAllString(r.Path, none)
			f.Add(uint8(i), r.Method, path+"?limit=1&marker=x", `{"`+r.Action+`": {"a": [1, null, "\u00e9"]}}`)
		}
	}
	f.Fuzz(func(t *testing.T, service uint8, method, path, body string) {
		name := services[int(service)%len(services)]
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if err != nil || r.URL.Host != "127.0.0.1" || name == "keystone" && strings.HasSuffix(path, "/tokens") && method == "DELETE" {
			t.Skip()
		}
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("X-Auth-Token", token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("OpenStack-API-Version", map[string]string{"nova": "compute latest", "placement": "placement latest"}[name])
		w := httptest.NewRecorder()
		c.APIs[name].ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s %s %s: %d %s", name, method, path, body, w.Code, w.Body)
		}
	})
}
