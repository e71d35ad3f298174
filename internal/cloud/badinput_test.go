package cloud_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nacre/internal/cloudtest"
	"nacre/internal/oslo/httpapi"
)

// badBodies are texts that no operation can mean.
var badBodies = map[string]string{
	"not JSON":      `{nope`,
	"a list":        `[1, 2]`,
	"null":          `null`,
	"a string":      `"text"`,
	"bad UTF-8":     "{\"\xff\xfe\": \"\xc3\x28\"}",
	"deep":          strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	"wide":          `{"a": [` + strings.Repeat("0,", 20000) + `0]}`,
	"huge number":   `{"a": 1e999999}`,
	"NUL":           "{\"a\": \"\\u0000\"}",
	"unknown field": `{"nacre_no_such_field": {"x": 1}}`,
}

// badIDs are identifiers that no resource has.
var badIDs = []string{"x", "00000000-0000-0000-0000-000000000000", strings.Repeat("9", 4000), "%00", "..%2f..%2fetc%2fpasswd", "%27%20OR%201=1--", "%F0%9F%92%A9"}

// TestBadInput sends every route of every service what it cannot mean, as the
// administrator: the answer is never a 5xx, and a malformed body never a success.
func TestBadInput(t *testing.T) {
	c := cloudtest.Start(t, 1)
	c.People()
	token := c.Token(cloudtest.Admin)
	for service, api := range c.APIs {
		for _, r := range api.Table() {
			if r.Public || r.RawBody || service == "keystone" && strings.Contains(r.Path, "/auth/tokens") && r.Method == "DELETE" {
				continue
			}
			for _, id := range badIDs {
				w := send(api, r, token, parameter.ReplaceAllString(r.Path, id), "")
				if w.Code >= 500 {
					t.Errorf("%s %s %s with the ID %.40q: %d %s", service, r.Method, r.Path, id, w.Code, w.Body)
				}
			}
			if r.Method != "POST" && r.Method != "PUT" && r.Method != "PATCH" {
				continue
			}
			for name, body := range badBodies {
				path := parameter.ReplaceAllString(r.Path, "00000000-0000-0000-0000-000000000000")
				w := send(api, r, token, path, body)
				if w.Code >= 500 {
					t.Errorf("%s %s %s %s with %s: %d %s", service, r.Method, r.Path, r.Action, name, w.Code, w.Body)
				}
				if w.Code < 300 && r.TakesBody() && !lenient[service+" "+r.Method+" "+r.Path] {
					t.Errorf("%s %s %s %s accepts %s: %d %.200s", service, r.Method, r.Path, r.Action, name, w.Code, w.Body)
				}
			}
		}
	}
}

// lenient operations make something of any object, as the original does.
var lenient = map[string]bool{"keystone POST /v3/regions": true, "keystone POST /v3/OS-OAUTH1/consumers": true}

// TestBadHeaders sends what headers and addresses must not say.
func TestBadHeaders(t *testing.T) {
	c := cloudtest.Start(t, 1)
	c.People()
	token := c.Token(cloudtest.Member)
	for name, tc := range map[string]struct {
		service, path, header, value string
		status                       int
		want                         string
	}{
		"token of another kind":    {"nova", "/v2.1/servers", "X-Auth-Token", "gAAAAABm", 401, "requires authentication"},
		"token cut short":          {"nova", "/v2.1/servers", "X-Auth-Token", token[:len(token)-3], 401, "requires authentication"},
		"token with control chars": {"neutron", "/v2.0/networks", "X-Auth-Token", token + "\x01", 401, "requires authentication"},
		"endless token":            {"glance", "/v2/images", "X-Auth-Token", strings.Repeat("A", 60000), 401, ""},
		"bad service token":        {"nova", "/v2.1/servers", "X-Service-Token", "bad", 401, "requires authentication"},
		"version of nothing":       {"nova", "/v2.1/servers", "OpenStack-API-Version", "compute two", 400, "two"},
		"version too high":         {"nova", "/v2.1/servers", "OpenStack-API-Version", "compute 2.999", 406, "Minimum is 2.1"},
		"version too low":          {"nova", "/v2.1/servers", "OpenStack-API-Version", "compute 1.9", 406, "Minimum is 2.1"},
		"older version header":     {"nova", "/v2.1/servers", "X-OpenStack-Nova-API-Version", "9.9", 406, "Minimum is 2.1"},
		"placement version":        {"placement", "/resource_providers", "OpenStack-API-Version", "placement 1.99", 406, "Unacceptable version header"},
		"identity of the client's": {"nova", "/v2.1/servers?all_tenants=1", "X-Roles", "admin", 403, ""},
		"project of the client's":  {"nova", "/v2.1/os-quota-sets/" + c.IDs["two"], "X-Project-Id", c.IDs["two"], 403, ""},
		"bad marker":               {"nova", "/v2.1/servers?marker=nope", "", "", 400, "marker"},
		"bad limit":                {"nova", "/v2.1/servers?limit=-1", "", "", 400, "limit"},
		"bad sort":                 {"nova", "/v2.1/servers?sort_key=password", "", "", 400, ""},
		"bad limit of networks":    {"neutron", "/v2.0/networks?limit=x", "", "", 400, "limit"},
		"bad marker of images":     {"glance", "/v2/images?marker=nope", "", "", 400, ""},
		"bad sort of images":       {"glance", "/v2/images?sort_key=nope", "", "", 400, ""},
		"endless query":            {"neutron", "/v2.0/networks?name=" + strings.Repeat("x", 20000), "", "", 414, ""},
		"NUL in the query":         {"neutron", "/v2.0/networks?name=%00", "", "", 400, ""},
		"nothing after a slash":    {"nova", "/v2.1/os-simple-tenant-usage/", "", "", 404, "could not be found"},
		"root after a slash":       {"nova", "/v2.1/", "", "", 200, "CURRENT"},
		"query that is none":       {"nova", "/v2.1/servers?%zz", "", "", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+tc.path, nil)
			r.Header.Set("X-Auth-Token", token)
			if tc.header != "" {
				r.Header[http.CanonicalHeaderKey(tc.header)] = []string{tc.value}
			}
			w := httptest.NewRecorder()
			c.APIs[tc.service].ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%d %.300s, want %d with %q", w.Code, w.Body, tc.status, tc.want)
			}
		})
	}
}

// send sends a body to a route, within its action's key where it has one.
func send(api *httpapi.API, r httpapi.Route, token, path, body string) *httptest.ResponseRecorder {
	if r.Action != "" && body != "" && body[0] != '{' {
		body = `{"` + r.Action + `": ` + body + `}`
	}
	req := httptest.NewRequest(r.Method, "http://127.0.0.1"+path, bytes.NewReader([]byte(body)))
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, req)
	return w
}

// TestUnknownFields sends fields that a service does not know, or that are not
// the client's to set: it refuses or keeps them as the original does, and drops
// none in silence.
func TestUnknownFields(t *testing.T) {
	c := cloudtest.Start(t, 1)
	c.People()
	member, admin := c.As(cloudtest.Member), c.As(cloudtest.Admin)
	var net struct{ Network struct{ ID string } }
	member.Network().Post("/networks", `{"network": {"name": "n"}}`).Want(201).Into(&net)
	var img struct{ ID string }
	member.Image().Post("/images", `{"name": "i", "kept": "of any name"}`).Want(201, `"kept":"of any name"`).Into(&img)
	var user struct{ User struct{ ID string } }
	admin.Identity().Post("/users", `{"user": {"name": "extra", "kept": {"a": [1]}}}`).Want(201, `"kept":{"a":[1]}`).Into(&user)
	admin.Identity().Get("/users/"+user.User.ID).Want(200, `"kept":{"a":[1]}`)
	for name, tc := range map[string]struct {
		api          cloudtest.API
		method, path string
		body         string
		status       int
		want         string
	}{
		"network":               {member.Network(), "POST", "/networks", `{"network": {"nacre": 1}}`, 400, "Unrecognized attribute(s) 'nacre'"},
		"network, of an engine": {member.Network(), "POST", "/networks", `{"network": {"vlan_transparent": true}}`, 400, "Unrecognized attribute(s) 'vlan_transparent'"},
		"network's status":      {member.Network(), "POST", "/networks", `{"network": {"status": "ACTIVE"}}`, 400, "Attribute 'status' not allowed in POST"},
		"network's ID":          {member.Network(), "PUT", "/networks/" + net.Network.ID, `{"network": {"id": "x"}}`, 400, "Cannot update read-only attribute id"},
		"network's type":        {member.Network(), "POST", "/networks", `{"network": {"provider:network_type": "vlan"}}`, 403, "create_network:provider:network_type"},
		"port's policy":         {member.Network(), "POST", "/ports", `{"port": {"network_id": "` + net.Network.ID + `", "qos_policy_id": "x"}}`, 400, "Unrecognized attribute(s) 'qos_policy_id'"},
		"port's profile":        {member.Network(), "POST", "/ports", `{"port": {"network_id": "` + net.Network.ID + `", "binding:profile": {"a": 1}}}`, 403, "create_port:binding:profile"},
		"rule":                  {member.Network(), "POST", "/security-group-rules", `{"security_group_rule": {"ports": 1}}`, 400, "Unrecognized attribute(s) 'ports'"},
		"image's status":        {member.Image(), "POST", "/images", `{"status": "active"}`, 403, "Attribute 'status' is read-only."},
		"image's reserved":      {member.Image(), "POST", "/images", `{"location": "file:///etc/passwd"}`, 403, "Attribute 'location' is reserved."},
		"image, a number":       {member.Image(), "POST", "/images", `{"nacre": 1}`, 400, "1 is not of type 'string'"},
		"image's locations":     {member.Image(), "POST", "/images", `{"locations": [{"url": "file:///etc/passwd", "metadata": {}}]}`, 403, "Attribute 'locations' is reserved."},
		"member":                {member.Image(), "POST", "/images/" + img.ID + "/tags/t", `{}`, 405, ""},
		"provider":              {admin.Placement("1.39"), "POST", "/resource_providers", `{"name": "p", "nacre": 1}`, 400, "Additional properties are not allowed ('nacre' was unexpected)"},
		"inventory":             {admin.Placement("1.39"), "GET", "/resource_providers?nacre=1", "", 400, "Additional properties are not allowed ('nacre' was unexpected)"},
		"flavor":                {admin.Compute("2.93"), "POST", "/flavors", `{"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 0, "nacre": 1}}`, 400, "Additional properties are not allowed ('nacre' was unexpected)"},
		"action":                {member.Compute("2.93"), "POST", "/servers/" + net.Network.ID + "/action", `{"nacre": null}`, 400, "There is no such action: nacre"},
		"key":                   {member.Compute("2.93"), "POST", "/os-keypairs", `{"keypair": {"name": "k", "type": "ssh", "public_key": "` + publicKey + `", "nacre": 1}}`, 400, "Additional properties are not allowed ('nacre' was unexpected)"},
		"quota":                 {admin.Compute("2.93"), "PUT", "/os-quota-sets/" + c.IDs["one"], `{"quota_set": {"nacre": 1}}`, 400, "Additional properties are not allowed ('nacre' was unexpected)"},
		"list":                  {member.Compute("2.93"), "GET", "/servers?nacre=1", "", 400, "'nacre' does not match any of the regexes: '^_'"},
		"login":                 {c.As(cloudtest.None).Identity(), "POST", "/auth/tokens", `{"auth": {"identity": {"methods": ["nacre"], "nacre": {}}}}`, 401, ""},
		"project's parent":      {admin.Identity(), "POST", "/projects", `{"project": {"name": "p", "parent_id": 1}}`, 400, "parent_id"},
	} {
		t.Run(name, func(t *testing.T) {
			a := tc.api.Do(tc.method, tc.path, tc.body)
			if a.Status != tc.status || !strings.Contains(string(a.Body), tc.want) {
				t.Errorf("%d %.300s, want %d with %q", a.Status, a.Body, tc.status, tc.want)
			}
		})
	}
}
