package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"nacre/internal/keystone"
)

// personaNames are the columns of testdata/personas.txt: a role on a project
// of the domain that the resource lies in, on that domain, on the system; a
// service user; somebody with a role elsewhere; the resource's user itself.
var personaNames = []string{"p-reader", "p-manager", "p-admin", "d-reader", "d-manager", "s-reader", "s-admin", "service", "stranger", "self"}

// people is a cloud with a user of each persona, and a resource of each kind.
type people struct {
	*cloud
	domain, project, self, reader string
	count                         int
}

func newPeople(t *testing.T) *people {
	p := &people{cloud: newCloud(t)}
	ctx := t.Context()
	d, err := p.svc.CreateDomain(ctx, keystone.Attributes{"name": "d"})
	if err != nil {
		t.Fatal(err)
	}
	p.domain, p.reader = d.ID, p.id(t, "roles", "reader")
	p.project = p.makeProject(t, "p", d.ID)
	elsewhere := p.makeProject(t, "elsewhere", keystone.DefaultDomainID)
	for _, name := range personaNames {
		home := d.ID
		if name == "stranger" {
			home = keystone.DefaultDomainID
		}
		u, err := p.svc.CreateUser(ctx, keystone.Attributes{"name": name, "password": "pw", "domain_id": home})
		if err != nil {
			t.Fatal(err)
		}
		where, role, _ := strings.Cut(name, "-")
		grant := keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetProject, TargetID: p.project}
		scope := `{"project": {"id": "` + p.project + `"}}`
		switch {
		case where == "d":
			grant.TargetKind, grant.TargetID, scope = keystone.TargetDomain, d.ID, `{"domain": {"id": "`+d.ID+`"}}`
		case where == "s":
			grant.TargetKind, grant.TargetID, scope = keystone.TargetSystem, keystone.SystemID, `{"system": {"all": true}}`
		case name == "service":
			role = "service"
		case name == "stranger":
			role, grant.TargetID, scope = "member", elsewhere, `{"project": {"id": "`+elsewhere+`"}}`
		case name == "self":
			role, scope, p.self = "member", `"unscoped"`, u.ID
		}
		grant.RoleID = p.id(t, "roles", role)
		if err := p.svc.Grant(ctx, grant); err != nil {
			t.Fatal(err)
		}
		w := p.do("", "POST", "/v3/auth/tokens", strings.Replace(loginBody(name, "pw", scope), `"id": "default"`, `"id": "`+home+`"`, 1))
		if p.tokens[name] = w.Header().Get("X-Subject-Token"); w.Code != 201 {
			t.Fatalf("%s: %s", name, w.Body)
		}
	}
	return p
}

func (p *people) makeProject(t *testing.T, name, domain string) string {
	v, err := p.svc.CreateProject(t.Context(), keystone.Attributes{"name": name, "domain_id": domain})
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// makeLimit makes a limit of the project on a resource that only it has.
func (p *people) makeLimit(t *testing.T, resource string) string {
	on := keystone.Attributes{"service_id": p.id(t, "services", "nova"), "resource_name": resource, "default_limit": json.Number("10")}
	if _, err := p.svc.CreateRegisteredLimits(t.Context(), []keystone.Attributes{on}); err != nil {
		t.Fatal(err)
	}
	on["project_id"], on["resource_limit"] = p.project, json.Number("5")
	made, err := p.svc.CreateLimits(t.Context(), []keystone.Attributes{on})
	if err != nil {
		t.Fatal(err)
	}
	return made[0].ID
}

// loginSelf gives the resource's user another token.
func (p *people) loginSelf(t *testing.T) string {
	tok, err := p.svc.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: p.self}, "pw"), keystone.Scope{Unscoped: true})
	if err != nil {
		t.Fatal(err)
	}
	return tok.ID
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// path fills a route's path with resources of the domain, fresh ones where the call may remove them.
func (p *people) path(t *testing.T, method, route string) string {
	ctx := t.Context()
	return pathParam.ReplaceAllStringFunc(route, func(m string) string {
		p.count++
		name := keystone.Attributes{"name": fmt.Sprint("n", p.count), "domain_id": p.domain}
		var id string
		var err error
		switch m {
		case "{user_id}":
			if id = p.self; method == "DELETE" && strings.HasSuffix(route, m) {
				var u keystone.User
				u, err = p.svc.CreateUser(ctx, name)
				id = u.ID
			}
		case "{project_id}":
			if id = p.project; method == "DELETE" && strings.HasSuffix(route, m) {
				id = p.makeProject(t, name.Text("name"), p.domain)
			}
		case "{endpoint_id}":
			var e keystone.Endpoint
			e, err = p.svc.CreateEndpoint(ctx, keystone.Attributes{"service_id": p.id(t, "services", "nova"), "interface": "public", "url": "http://h"})
			id = e.ID
		case "{limit_id}":
			id = p.makeLimit(t, name.Text("name"))
		case "{domain_id}":
			if id = p.domain; method == "DELETE" && strings.HasSuffix(route, m) {
				var d keystone.Project
				d, err = p.svc.CreateDomain(ctx, keystone.Attributes{"name": name["name"]})
				id = d.ID
			}
		case "{group_id}":
			var g keystone.Group
			g, err = p.svc.CreateGroup(ctx, name)
			id = g.ID
		case "{role_id}", "{implied_role_id}":
			if id = p.reader; method == "DELETE" && strings.HasSuffix(route, m) {
				var r keystone.Role
				r, err = p.svc.CreateRole(ctx, keystone.Attributes{"name": name["name"]})
				id = r.ID
			}
		default:
			id = p.derived(t, m, route)
		}
		if err != nil {
			t.Fatal(err)
		}
		return id
	})
}

// derived makes, as the resource's user, what users derive from their rights.
func (p *people) derived(t *testing.T, param, route string) string {
	tok, err := p.svc.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: p.self}, "pw"), keystone.Scope{Project: &keystone.Ref{ID: p.project}})
	if err != nil {
		t.Fatal(err)
	}
	self := tok.ID
	text := func(path, body, key, attribute string) string {
		return p.must(t, self, "POST", path, body, 201)[key].(map[string]any)[attribute].(string)
	}
	unique := fmt.Sprint("n", p.count)
	switch param {
	case "{credential_id}":
		if strings.Contains(route, "OS-EC2") {
			return text("/v3/users/"+p.self+"/credentials/OS-EC2", `{"tenant_id": "`+p.project+`"}`, "credential", "access")
		}
		return text("/v3/credentials", `{"credential": {"type": "cert", "blob": "b", "user_id": "`+p.self+`"}}`, "credential", "id")
	case "{application_credential_id}":
		return text("/v3/users/"+p.self+"/application_credentials", `{"application_credential": {"name": "`+unique+`"}}`, "application_credential", "id")
	case "{access_rule_id}":
		rules := `{"application_credential": {"name": "` + unique + `", "access_rules": [{"service": "compute", "method": "GET", "path": "/` + unique + `"}]}}`
		made := p.must(t, self, "POST", "/v3/users/"+p.self+"/application_credentials", rules, 201)["application_credential"].(map[string]any)
		return made["access_rules"].([]any)[0].(map[string]any)["id"].(string)
	case "{trust_id}":
		return text("/v3/OS-TRUST/trusts", `{"trust": {"trustor_user_id": "`+p.self+`", "trustee_user_id": "`+p.id(t, "users", "admin")+`", "impersonation": false,
			"project_id": "`+p.project+`", "roles": [{"id": "`+p.reader+`"}]}}`, "trust", "id")
	}
	return "nosuch"
}

// body says of a new resource where it is to lie and whose it is to be.
func (p *people) body(route string) string {
	switch {
	case strings.HasSuffix(route, "/v3/credentials"):
		return `{"credential": {"user_id": "` + p.self + `"}}`
	case strings.HasSuffix(route, "2tokens"), strings.HasSuffix(route, "3tokens"):
		return `{}` // any request that is not signed is refused with 401
	case strings.HasSuffix(route, "/trusts"):
		return `{"trust": {"trustor_user_id": "` + p.self + `"}}`
	}
	kind := strings.TrimSuffix(route[strings.LastIndex(route, "/")+1:], "s")
	return `{"` + kind + `": {"domain_id": "` + p.domain + `"}}`
}

// TestPersonas asks every route as everybody: y is anything but the refusal
// of a rule, n is that refusal.
func TestPersonas(t *testing.T) {
	f, err := os.Open("testdata/personas.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 3 && fields[0] != "#" {
			want[fields[0]+" "+fields[1]] = strings.Join(fields[2:], "")
		}
	}
	defer func() {
		for route := range want {
			t.Errorf("testdata/personas.txt has %s, which is no route", route)
		}
	}()
	p := newPeople(t)
	for _, r := range p.table {
		route, got := r.Method+" "+r.Path, ""
		if r.Public {
			if want[route] != "public" {
				t.Errorf("%s is for everybody, testdata/personas.txt says %q", route, want[route])
			}
			delete(want, route)
			continue
		}
		for _, who := range personaNames {
			path := p.path(t, r.Method, r.Path)
			if r.Path == "/v3/auth/tokens" {
				p.subject = p.loginSelf(t)
			}
			w := p.do(who, r.Method, path, p.body(r.Path))
			switch refused := strings.Contains(w.Body.String(), "You are not authorized to perform the requested action: identity:"); {
			case w.Code == 401 || w.Code >= 500:
				t.Fatalf("%s %s as %s: %d %s", r.Method, path, who, w.Code, w.Body)
			case refused || r.Method == "HEAD" && w.Code == 403:
				got += "n"
			default:
				got += "y"
			}
		}
		if want[route] != got {
			t.Errorf("%-7s %-95s %s, want %s", r.Method, r.Path, strings.Join(strings.Split(got, ""), " "), want[route])
		}
		delete(want, route)
		if w := p.do("", r.Method, p.path(t, r.Method, r.Path), ""); w.Code != 401 {
			t.Errorf("%s without a token: %d", route, w.Code)
		}
	}
}
