package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

func TestPathMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v2.1/servers", "/v2.1/servers", true},
		{"/v2.1/servers", "/v2x1/servers", false},
		{"/v2.1/servers", "/v2.1/servers/1", false},
		{"/v2.1/servers/*", "/v2.1/servers/1", true},
		{"/v2.1/servers/*", "/v2.1/servers/", false},
		{"/v2.1/servers/*", "/v2.1/servers/1/action", false},
		{"/v2.1/servers/{server_id}/ips", "/v2.1/servers/1/ips", true},
		{"/v2.1/servers/{server_id}/ips", "/v2.1/servers/1/2/ips", false},
		{"/v2.1/**", "/v2.1/servers/1/ips", true},
		{"/v2.1/**", "/v2.1/", true},
		{"/v2.1/**", "/v3/servers", false},
		{"/a(b", "/a(b", true},
		{"**", "/anything", true},
	} {
		if got := pathMatches(tc.pattern, tc.path); got != tc.want {
			t.Errorf("%s on %s: %v", tc.pattern, tc.path, got)
		}
	}
}

// tokensOf gives an identity for each token.
type tokensOf map[string]auth.Identity

func (v tokensOf) Validate(_ context.Context, token string) (auth.Identity, error) {
	id, ok := v[token]
	if !ok {
		return id, auth.ErrInvalid
	}
	return id, nil
}

// TestAccessRules sends calls with a token that may do one of them only.
func TestAccessRules(t *testing.T) {
	bound := auth.Identity{UserID: "u", ProjectID: "p", AccessRules: []auth.AccessRule{{Service: "compute", Method: "GET", Path: "/v2.1/servers/*"}}}
	none := bound
	none.AccessRules = []auth.AccessRule{}
	tokens := tokensOf{"bound": bound, "none": none, "free": {UserID: "u", ProjectID: "p"}, "service": {UserID: "s", Roles: []string{"service"}}, "other": {UserID: "o"}}
	show := func(*Call) (None, error) { return None{}, nil }
	row := func(method, path string) Route { return Route{Method: method, Path: path, Status: 204, Do: Get(show)} }
	newAPI := func(typ, prefix string, rows ...Route) *API {
		a, err := New(Service{Name: typ, Type: typ, Prefix: prefix, Table: rows,
			Fault: func(_ *Call, f *fault.Fault) Response { return Response{Status: f.Status} }}, Door{Tokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	compute := newAPI("compute", "/v2.1", row("GET", "/servers/{id}"), row("DELETE", "/servers/{id}"), row("GET", "/flavors"))
	network := newAPI("network", "/v2.1", row("GET", "/servers/{id}"))
	identity := newAPI("identity", "/v3", row("GET", "/auth/tokens"), row("DELETE", "/auth/tokens"))
	for _, tc := range []struct {
		api                          *API
		token, service, method, path string
		want                         int
	}{
		{compute, "bound", "", "GET", "/v2.1/servers/1", 204},
		{compute, "bound", "", "DELETE", "/v2.1/servers/1", 401},
		{compute, "bound", "", "GET", "/v2.1/flavors", 401},
		{network, "bound", "", "GET", "/v2.1/servers/1", 401},
		{network, "bound", "service", "GET", "/v2.1/servers/1", 204},
		{network, "bound", "other", "GET", "/v2.1/servers/1", 401},
		{compute, "none", "", "GET", "/v2.1/servers/1", 401},
		{compute, "free", "", "DELETE", "/v2.1/servers/1", 204},
		{identity, "bound", "", "GET", "/v3/auth/tokens", 204},
		{identity, "bound", "", "DELETE", "/v3/auth/tokens", 401},
	} {
		r := httptest.NewRequest(tc.method, tc.path, http.NoBody)
		r.Header.Set("X-Auth-Token", tc.token)
		if tc.service != "" {
			r.Header.Set("X-Service-Token", tc.service)
		}
		w := httptest.NewRecorder()
		tc.api.ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s of %s with %s and %q: %d, want %d", tc.method, tc.path, tc.token, tc.service, w.Code, tc.want)
		}
	}
}
