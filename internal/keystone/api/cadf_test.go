package api_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

// ask is a call with all that events tell of the one who makes it.
func (l *listener) ask(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	l.events(t)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:5000", "192.0.2.7:1234"
	r.Header.Set("User-Agent", "python-keystoneclient")
	r.Header.Set("X-Openstack-Request-Id", "req-11111111-2222-3333-4444-555555555555")
	if !strings.HasSuffix(path, "/auth/tokens") {
		r.Header.Set("X-Auth-Token", l.cloud.tokens["admin"])
	}
	w := httptest.NewRecorder()
	l.api.ServeHTTP(w, r)
	es := l.events(t)
	if len(es) != 1 {
		t.Fatalf("%d %s: %d events", w.Code, w.Body, len(es))
	}
	var p map[string]any
	if err := json.Unmarshal(es[0].Payload, &p); err != nil {
		t.Fatal(err)
	}
	l.vars["request"] = w.Header().Get("X-Openstack-Request-Id")
	if e := es[0]; e.PublisherID != "identity.host1" || e.Priority != "INFO" || e.MessageID == "" || time.Since(e.Timestamp) > time.Minute {
		t.Errorf("%+v", e)
	}
	return p
}

// TestCADF: what is told in the format of audits, as pycadf writes it.
func TestCADF(t *testing.T) {
	l := newListener(t)
	admin, home, identity := l.id(t, "users", "admin"), l.id(t, "projects", "admin"), l.id(t, "services", "keystone")
	role := l.id(t, "roles", "member")
	random := func(m map[string]any, key string) {
		t.Helper()
		if id, _ := m[key].(string); len(id) != 36 {
			t.Errorf("%s: %v", key, m[key])
		}
		delete(m, key)
	}
	check := func(p, want map[string]any) {
		t.Helper()
		random(p, "id")
		if at, err := time.Parse("2006-01-02T15:04:05.000000-0700", p["eventTime"].(string)); err != nil || time.Since(at) > time.Minute {
			t.Errorf("eventTime %v", p["eventTime"])
		}
		delete(p, "eventTime")
		want["typeURI"], want["eventType"] = "http://schemas.dmtf.org/cloud/audit/1.0/event", "activity"
		want["observer"] = map[string]any{"typeURI": "service/security", "id": identity}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("\n got %v\nwant %v", p, want)
		}
	}
	by := func(more map[string]any) map[string]any {
		i := map[string]any{"typeURI": "service/security/account/user", "host": map[string]any{"address": "192.0.2.7", "agent": "python-keystoneclient"},
			"request_id": l.vars["request"], "global_request_id": "req-11111111-2222-3333-4444-555555555555"}
		maps.Copy(i, more)
		return i
	}
	me := map[string]any{"id": admin, "user_id": admin, "name": "admin", "username": "admin"}
	onHome := map[string]any{"id": admin, "user_id": admin, "name": "admin", "username": "admin", "project_id": home}

	p := l.ask(t, "POST", "/v3/regions", `{"region": {"id": "r"}}`)
	check(p, map[string]any{"action": "created.region", "outcome": "success", "resource_info": "r", "initiator": by(onHome),
		"target": map[string]any{"typeURI": "data/security/region", "id": "r"}})
	p = l.ask(t, "PUT", "/v3/OS-INHERIT/projects/"+home+"/users/"+admin+"/roles/"+role+"/inherited_to_projects", "")
	random(p["target"].(map[string]any), "id")
	check(p, map[string]any{"action": "created.role_assignment", "outcome": "success", "initiator": by(onHome),
		"target": map[string]any{"typeURI": "service/security/account/user"}, "role": role, "user": admin, "project": home, "inherited_to_projects": true})
	p = l.ask(t, "POST", "/v3/auth/tokens", byPassword(admin, "wrong", ""))
	random(p["target"].(map[string]any), "id")
	check(p, map[string]any{"action": "authenticate", "outcome": "failure", "initiator": by(me), "target": map[string]any{"typeURI": "service/security/account/user"},
		"reason": map[string]any{"reasonType": "wrong password for user " + admin + ": invalid user or password", "reasonCode": "401"}})
	p = l.ask(t, "POST", "/v3/auth/tokens", byPassword("nosuch", "wrong", ""))
	random(p["target"].(map[string]any), "id")
	random(p["initiator"].(map[string]any), "id")
	check(p, map[string]any{"action": "authenticate", "outcome": "failure", "initiator": by(nil), "target": map[string]any{"typeURI": "service/security/account/user"},
		"reason": map[string]any{"reasonType": "Could not find user: nosuch.", "reasonCode": "401"}})
}
