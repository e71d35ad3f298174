package policy

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

var base = []Rule{
	{Name: "context_is_admin", Check: "role:admin"},
	{Name: "owner", Check: "project_id:%(project_id)s"},
	{Name: "member", Check: "role:member and rule:owner", Scope: []string{"project"}},
}

var (
	member = auth.Identity{UserID: "u1", ProjectID: "p1", Roles: []string{"Member", "reader"}}
	admin  = auth.Identity{UserID: "u2", ProjectID: "p2", Roles: []string{"admin"}, Admin: true}
	system = auth.Identity{UserID: "u3", System: true, Roles: []string{"member"}}
	nobody = auth.Identity{UserID: "u4"}
)

func TestChecks(t *testing.T) {
	target := Target{"project_id": "p1", "user_id": "u1", "shared": true, "target.user.domain_id": "d1", "empty": ""}
	for check, want := range map[string]bool{
		"":                 true,
		"@":                true,
		"!":                false,
		"role:member":      true, // role names ignore case
		"role:admin":       false,
		"not role:admin":   true,
		"rule:owner":       true,
		"rule:nosuch or @": true,
		"role:admin or role:reader and user_id:%(user_id)s": true,
		"(role:admin or role:reader) and user_id:nobody":    false,
		"True:%(shared)s":                                     true,
		"'d1':%(target.user.domain_id)s":                      true,
		"domain_id:%(target.user.domain_id)s":                 false,
		"project_id:%(nosuch)s":                               false,
		"domain_id:%(empty)s":                                 false, // two empty values are not the same domain
		"is_admin:True":                                       false,
		"is_admin:False":                                      true,
		"ROLE:admin OR role:reader":                           true,
		"None:%(project_id)s":                                 false,
		"system_scope:all":                                    false,
		"not (role:reader and not project_id:%(project_id)s)": true,
	} {
		rules := append([]Rule{{Name: "asked", Check: check}}, base...)
		if strings.Contains(check, "nosuch or") {
			rules = append(rules, Rule{Name: "nosuch", Check: "!"})
		}
		if strings.HasPrefix(check, "ROLE") {
			rules[0].Check = strings.Replace(check, "ROLE", "role", 1)
		}
		e, err := New(rules, "")
		if err != nil {
			t.Fatalf("%q: %v", check, err)
		}
		if got := e.Allowed(member, "asked", target); got != want {
			t.Errorf("%q is %v for a member", check, got)
		}
	}
}

func TestScopes(t *testing.T) {
	e, err := New(base, "")
	if err != nil {
		t.Fatal(err)
	}
	if !e.Allowed(member, "member", Target{"project_id": "p1"}) {
		t.Error("a project's member is refused")
	}
	for name, id := range map[string]auth.Identity{"system": system, "unscoped": nobody} {
		if e.Allowed(id, "member", Target{"project_id": ""}) {
			t.Errorf("%s passes a rule for project scope", name)
		}
	}
	f, _ := fault.Of(e.Check(nobody, "member", nil))
	if f == nil || f.Status != 403 || f.Message != "Policy doesn't allow member to be performed." {
		t.Errorf("refusal: %+v", f)
	}
	if e.Allowed(admin, "no_such_rule", nil) {
		t.Error("an unknown rule allows")
	}
}

func TestMistakesAreReportedTogether(t *testing.T) {
	_, err := New([]Rule{{Name: "a", Check: "role:x and"}, {Name: "b", Check: "(role:x"}, {Name: "c", Check: "rule:gone"}, {Name: "d", Check: "word"},
		{Name: "e", Check: "http://remote"}, {Name: "f", Check: "role:x or rule:g or rule:g"}, {Name: "g", Check: "not rule:f"}, {Name: "h", Check: "rule:g and rule:i"},
		{Name: "i", Check: "rule:j and rule:j"}, {Name: "j", Check: "@"}}, "")
	for _, want := range []string{"policy a:", "policy b:", "policy c refers", "policy d:", "policy e:", "policy f refers to itself", "policy g refers to itself"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in %v", want, err)
		}
	}
	for _, good := range []string{"policy h", "policy i", "policy j"} {
		if strings.Contains(err.Error(), good) {
			t.Errorf("%s is none: %v", good, err)
		}
	}
}

func TestOverridesAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nova.yaml")
	e, err := New(base, file)
	if err != nil {
		t.Fatal(err)
	}
	if e.Allowed(member, "context_is_admin", nil) {
		t.Fatal("a member is admin")
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		e.asked = time.Time{}
		e.mu.Unlock()
	}
	write("context_is_admin: role:member\n")
	if !e.Allowed(member, "context_is_admin", nil) {
		t.Error("the override is not in force")
	}
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	write("context_is_admin: 'role:('\n")
	if !e.Allowed(member, "context_is_admin", nil) {
		t.Error("a broken file replaced rules that worked")
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), file) {
		t.Errorf("the operator is not told: %s", log.String())
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	e.asked = time.Time{}
	if e.Allowed(member, "context_is_admin", nil) {
		t.Error("the override is in force after its file has gone")
	}
}

// TestOverridesWithinATick: a file that is changed twice within a tick of the
// clock, as one that is emptied and then written is, bears one time.
func TestOverridesWithinATick(t *testing.T) {
	file, tick := filepath.Join(t.TempDir(), "nova.yaml"), time.Now().Add(time.Hour) // which no wait makes an old one
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, tick, tick); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	e, err := New(base, file)
	if err != nil {
		t.Fatal(err)
	}
	want := func(allowed bool) {
		t.Helper()
		e.mu.Lock()
		e.asked = time.Time{}
		e.mu.Unlock()
		if e.Allowed(member, "context_is_admin", nil) != allowed {
			t.Errorf("a member is admin: %v", !allowed)
		}
	}
	want(false)
	write("context_is_admin: role:member\n")
	want(true)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	want(false)
}

func FuzzParse(f *testing.F) {
	for _, r := range base {
		f.Add(r.Check)
	}
	f.Add("not ('a':%(b)s or @) and ! or role:x")
	f.Add(strings.Repeat("(", 200))
	f.Fuzz(func(t *testing.T, check string) {
		n, err := parse(check)
		if err == nil {
			n.holds(&question{id: member, target: Target{"b": "a"}, rules: map[string]node{}})
		}
	})
}

func BenchmarkAllowed(b *testing.B) {
	e, err := New(base, "")
	if err != nil {
		b.Fatal(err)
	}
	t := Target{"project_id": "p1"}
	for b.Loop() {
		e.Allowed(member, "member", t)
	}
}
