package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReceipt is what a client sees that must authenticate by two methods: a
// receipt, which it sends along with the second.
func TestReceipt(t *testing.T) {
	c := newCloud(t)
	user := c.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "mia", "password": "PASSWORD", "domain_id": "default"}}`, 201)["user"].(map[string]any)
	tok := c.login(t, "mia", "PASSWORD", "")
	c.must(t, "admin", "PATCH", "/v3/users/"+user["id"].(string),
		`{"user": {"options": {"multi_factor_auth_rules": [["password", "token"]]}}}`, 200)

	w := c.do("", "POST", "/v3/auth/tokens", loginBody("mia", "PASSWORD", ""))
	var got struct {
		Receipt struct {
			Methods []string `json:"methods"`
			User    any      `json:"user"`
			Issued  string   `json:"issued_at"`
			Expires string   `json:"expires_at"`
		} `json:"receipt"`
		Required [][]string `json:"required_auth_methods"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	receipt := w.Header().Get("Openstack-Auth-Receipt")
	if w.Code != 401 || receipt == "" || w.Header().Get("WWW-Authenticate") != "" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if d := cmp.Diff([][]string{{"password", "token"}}, got.Required); d != "" || len(got.Receipt.Issued) != len("2018-07-05T08:34:23.000000Z") {
		t.Errorf("%s %s", w.Body, d)
	}
	want := map[string]any{"id": user["id"], "name": "mia", "domain": map[string]any{"id": "default", "name": "Default"}}
	if d := cmp.Diff(want, got.Receipt.User); d != "" || got.Receipt.Methods[0] != "password" {
		t.Errorf("%s %s", w.Body, d)
	}

	req := httptest.NewRequest("POST", "/v3/auth/tokens",
		strings.NewReader(`{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}}}`))
	req.Header.Set("Openstack-Auth-Receipt", receipt)
	w = httptest.NewRecorder()
	c.api.ServeHTTP(w, req)
	if w.Code != 201 || w.Header().Get("Openstack-Auth-Receipt") != "" {
		t.Errorf("with the receipt: %d %s", w.Code, w.Body)
	}
}
