package mapping_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/keystone/mapping"
)

// tim is what an identity provider says of an employee.
var tim = mapping.Split(map[string]string{"UserName": "tbo", "Email": "tim@example.com", "FirstName": "Tim", "LastName": "Bo",
	"orgPersonType": "Employee;Manager;Contractor"})

func ephemeral(name string) mapping.User { return mapping.User{Name: name, Type: mapping.Ephemeral} }

func result(u mapping.User, ids []string, groups ...mapping.Group) mapping.Result {
	if ids == nil {
		ids = []string{}
	}
	if groups == nil {
		groups = []mapping.Group{}
	}
	return mapping.Result{User: u, GroupIDs: ids, Groups: groups, Projects: []mapping.Project{}}
}

const named = `{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}`

func TestApply(t *testing.T) {
	dev := mapping.Domain{ID: "d1"}
	withProjects := func(version, domain string, want *mapping.Domain) mapping.Result {
		r := result(ephemeral("tbo"), nil)
		if version != mapping.Version1 && domain == `, "domain": {"id": "d1"}` {
			r.User.Domain = &dev
		}
		r.Projects = []mapping.Project{{Name: "of tbo", Domain: want, Roles: []mapping.Role{{Name: "member"}}}}
		return r
	}
	projects := func(domain string) string {
		return `{"local": [{"user": {"name": "{0}"}, "projects": [{"name": "of {0}", "roles": [{"name": "member"}]}]` + domain + `}], "remote": [{"type": "UserName"}]}`
	}
	for name, tc := range map[string]struct {
		version, rules string
		assertion      mapping.Assertion
		want           mapping.Result
	}{
		"direct map":   {"1.0", named, tim, result(ephemeral("tbo"), nil)},
		"several maps": {"1.0", `{"local": [{"user": {"name": "{0} {1}", "email": "{2}"}}], "remote": [{"type": "FirstName"}, {"type": "LastName"}, {"type": "Email"}]}`, tim, result(mapping.User{Name: "Tim Bo", Email: "tim@example.com", Type: "ephemeral"}, nil)},
		"a condition is no map": {"1.0", `{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "LastName", "any_one_of": ["Bo"]}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil)},
		"group by ID":   {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "orgPersonType", "any_one_of": ["x", "Manager"]}]}`, tim, result(ephemeral("tbo"), []string{"g1"})},
		"any of none":   {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "orgPersonType", "any_one_of": ["Manage"]}]}`, tim, result(ephemeral("tbo"), nil)},
		"not any":       {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "orgPersonType", "not_any_of": ["Guest"]}]}`, tim, result(ephemeral("tbo"), []string{"g1"})},
		"not any, is":   {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "orgPersonType", "not_any_of": ["Guest", "Manager"]}]}`, tim, result(ephemeral("tbo"), nil)},
		"regex":         {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "Email", "any_one_of": ["@example\\.com$"], "regex": true}]}`, tim, result(ephemeral("tbo"), []string{"g1"})},
		"not any regex": {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "Email", "not_any_of": ["@example\\.com$"], "regex": true}]}`, tim, result(ephemeral("tbo"), nil)},
		"a dot is a dot without regex": {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "Email", "any_one_of": [".*"]}]}`, tim,
			result(ephemeral("tbo"), nil)},
		"absent attribute": {"1.0", named + `, {"local": [{"group": {"id": "g1"}}], "remote": [{"type": "Nothing", "not_any_of": ["x"]}]}`, tim, result(ephemeral("tbo"), nil)},
		"group by name": {"1.0", named + `, {"local": [{"group": {"name": "dev", "domain": {"id": "d1"}}}], "remote": [{"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "dev", Domain: dev})},
		"groups": {"1.0", `{"local": [{"user": {"name": "{1}"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "orgPersonType"}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "Employee", Domain: dev}, mapping.Group{Name: "Manager", Domain: dev}, mapping.Group{Name: "Contractor", Domain: dev})},
		"whitelist": {"1.0", `{"local": [{"user": {"name": "{1}"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "orgPersonType", "whitelist": ["Manager", "Boss"]}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "Manager", Domain: dev})},
		"whitelist of none": {"1.0", `{"local": [{"user": {"name": "{1}"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "orgPersonType", "whitelist": ["Boss"]}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil)},
		"blacklist": {"1.0", `{"local": [{"user": {"name": "{1}"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "orgPersonType", "blacklist": ["Manager", "Employee"]}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "Contractor", Domain: dev})},
		"blacklist regex": {"1.0", `{"local": [{"user": {"name": "{1}"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "orgPersonType", "blacklist": ["^(Man|Emp)"], "regex": true}, {"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "Contractor", Domain: dev})},
		"group_ids": {"1.0", `{"local": [{"user": {"name": "{0}"}}, {"group_ids": "{1}"}, {"group": {"id": "z"}}], "remote": [{"type": "UserName"}, {"type": "orgPersonType", "whitelist": ["Manager", "Employee"]}]}`, tim,
			result(ephemeral("tbo"), []string{"Employee", "Manager", "z"})},
		"a list that the administrator wrote": {"1.0", `{"local": [{"user": {"name": "{0}"}}, {"groups": "['a', \"b {0}\"]", "domain": {"id": "d1"}}], "remote": [{"type": "UserName"}]}`, tim,
			result(ephemeral("tbo"), nil, mapping.Group{Name: "a", Domain: dev}, mapping.Group{Name: "b tbo", Domain: dev})},
		"a list that the user wrote is one name": {"1.0", `{"local": [{"user": {"name": "x"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "title"}]}`, mapping.Assertion{"title": {"['admin', 'b']"}},
			result(ephemeral("x"), nil, mapping.Group{Name: "['admin', 'b']", Domain: dev})},
		"a semicolon in a value is one value": {"1.0", `{"local": [{"user": {"name": "x"}}, {"groups": "{0}", "domain": {"id": "d1"}}], "remote": [{"type": "title"}]}`, mapping.Assertion{"title": {"a;admin"}},
			result(ephemeral("x"), nil, mapping.Group{Name: "a;admin", Domain: dev})},
		"braces in a value stay": {"1.0", `{"local": [{"user": {"name": "{0}", "email": "{1}"}}], "remote": [{"type": "a"}, {"type": "b"}]}`, mapping.Assertion{"a": {"{1}"}, "b": {"secret"}},
			result(mapping.User{Name: "{1}", Email: "secret", Type: "ephemeral"}, nil)},
		"escaped braces": {"1.0", `{"local": [{"user": {"name": "{{{0}}}"}}], "remote": [{"type": "UserName"}]}`, tim, result(ephemeral("{tbo}"), nil)},
		"several values in a text": {"1.0", `{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "orgPersonType"}]}`, tim,
			result(ephemeral("['Employee', 'Manager', 'Contractor']"), nil)},
		"groups of another cloud": {"1.0", `{"local": [{"user": {"name": "{0}"}}, {"groups": "{1}"}], "remote": [{"type": "openstack_user"}, {"type": "openstack_groups"}]}`,
			mapping.Split(map[string]string{"openstack_user": "u", "openstack_groups": `JSON:{"name":"g1","domain":{"name":"xxx"}};JSON:{"name":"g2","domain":{"id":"y"}}`}),
			result(ephemeral("u"), nil, mapping.Group{Name: "g1", Domain: mapping.Domain{Name: "xxx"}}, mapping.Group{Name: "g2", Domain: mapping.Domain{ID: "y"}})},
		"the first user wins": {"1.0", named + `, {"local": [{"user": {"name": "other"}}], "remote": [{"type": "Email"}]}`, tim, result(ephemeral("tbo"), nil)},
		"local user": {"1.0", `{"local": [{"user": {"name": "{0}", "type": "local", "domain": {"name": "x"}}}], "remote": [{"type": "UserName"}]}`, tim,
			result(mapping.User{Name: "tbo", Type: "local", Domain: &mapping.Domain{Name: "x"}}, nil)},
		"no user":              {"1.0", `{"local": [{"group": {"id": "g"}}], "remote": [{"type": "UserName"}]}`, tim, result(ephemeral(""), []string{"g"})},
		"same group twice":     {"1.0", named + `, {"local": [{"group": {"id": "g"}}, {"group": {"id": "g"}}], "remote": [{"type": "UserName"}]}`, tim, result(ephemeral("tbo"), []string{"g"})},
		"projects":             {"1.0", projects(""), tim, withProjects("1.0", "", nil)},
		"projects, no domain":  {"1.0", projects(`, "domain": {"id": "d1"}`), tim, withProjects("1.0", `, "domain": {"id": "d1"}`, nil)},
		"projects of a domain": {"2.0", projects(`, "domain": {"id": "d1"}`), tim, withProjects("2.0", `, "domain": {"id": "d1"}`, &dev)},
		"projects_json": {"3.0", `{"local": [{"user": {"name": "tbo"}, "projects_json": "{0}"}], "remote": [{"type": "json"}]}`,
			mapping.Assertion{"json": {`[{"name": "of tbo", "roles": [{"name": "member"}]}]`}}, withProjects("3.0", "", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := mapping.Parse(tc.version, []byte("["+tc.rules+"]"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := rules.Apply(tc.assertion)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ version, rules, want string }{
		"no rule applies":                {"1.0", `{"local": [{"user": {"name": "x"}}], "remote": [{"type": "Nothing"}]}`, "no rule maps any property"},
		"nothing local":                  {"1.0", `{"local": [], "remote": [{"type": "UserName"}]}`, "no rule maps any property"},
		"no such map":                    {"1.0", `{"local": [{"user": {"name": "{1}"}}], "remote": [{"type": "UserName"}]}`, "remote match that doesn't exist"},
		"map of condition":               {"1.0", `{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName", "any_one_of": ["tbo"]}]}`, "remote match that doesn't exist"},
		"negative":                       {"1.0", `{"local": [{"user": {"name": "{-1}"}}], "remote": [{"type": "UserName"}]}`, "remote match that doesn't exist"},
		"attribute":                      {"1.0", `{"local": [{"user": {"name": "{0.__class__}"}}], "remote": [{"type": "UserName"}]}`, "remote match that doesn't exist"},
		"open brace":                     {"1.0", `{"local": [{"user": {"name": "{0"}}], "remote": [{"type": "UserName"}]}`, "remote match that doesn't exist"},
		"groups of nowhere":              {"1.0", `{"local": [{"groups": "{0}"}], "remote": [{"type": "UserName"}]}`, "both 'groups' and 'domain' must be specified"},
		"projects_json of no JSON":       {"3.0", `{"local": [{"projects_json": "{0}"}], "remote": [{"type": "UserName"}]}`, "projects_json: invalid character"},
		"projects_json of several":       {"3.0", `{"local": [{"projects_json": "{0}"}], "remote": [{"type": "orgPersonType"}]}`, "3 values"},
		"projects_json of another shape": {"3.0", `{"local": [{"projects_json": "{0}"}], "remote": [{"type": "json"}]}`, "'roles' is a required property"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := mapping.Parse(tc.version, []byte("["+tc.rules+"]"))
			if err != nil {
				t.Fatal(err)
			}
			a := mapping.Assertion{"json": {`[{"name": "p"}]`}}
			for k, v := range tim {
				a[k] = v
			}
			if got, err := rules.Apply(a); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// TestCheck compares with what the original's validator says of the same mistakes.
func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct{ version, mapping, want string }{
		"good":         {"1.0", `{"rules": [` + named + `]}`, ""},
		"no rules":     {"1.0", `{}`, "'rules' is a required property\n"},
		"empty rules":  {"1.0", `{"rules": []}`, "[] is too short\n"},
		"no remote":    {"1.0", `{"rules": [{"local": [], "remote": []}]}`, "[] is too short\n"},
		"several":      {"1.0", `{"rules": [{"local": [{"user": "name"}], "remote": [{"type": "UserName", "bad": ["x"]}]}]}`, "'name' is not of type 'object'\n{'bad': ['x'], 'type': 'UserName'} is not valid under any of the given schemas\n"},
		"missing":      {"1.0", `{"rules": [{"remote": [{"type": "a"}]}]}`, "'local' is a required property\n"},
		"no list":      {"1.0", `{"rules": [{"local": [], "remote": [{"type": "a", "any_one_of": "b"}]}]}`, "{'any_one_of': 'b', 'type': 'a'} is not valid under any of the given schemas\n"},
		"two lists":    {"1.0", `{"rules": [{"local": [], "remote": [{"type": "a", "whitelist": ["b"], "blacklist": ["c"]}]}]}`, "{'blacklist': ['c'], 'type': 'a', 'whitelist': ['b']} is not valid under any of the given schemas\n"},
		"unknown rule": {"1.0", `{"rules": [{"local": [], "remote": [{"type": "a"}], "x": 1}]}`, "Additional properties are not allowed ('x' was unexpected)\n"},
		"user type":    {"1.0", `{"rules": [{"local": [{"user": {"type": "x"}}], "remote": [{"type": "a"}]}]}`, "'x' is not one of ['ephemeral', 'local']\n"},
		"group":        {"1.0", `{"rules": [{"local": [{"group": {"name": "x"}}], "remote": [{"type": "a"}]}]}`, "{'name': 'x'} is not valid under any of the given schemas\n"},
		"domain in 1":  {"1.0", `{"rules": [{"local": [{"projects": [{"name": "p", "roles": [], "domain": {"id": "d"}}]}], "remote": [{"type": "a"}]}]}`, "Additional properties are not allowed ('domain' was unexpected)\n"},
		"domain in 2":  {"2.0", `{"rules": [{"local": [{"projects": [{"name": "p", "roles": [], "domain": {"id": "d"}}]}], "remote": [{"type": "a"}]}]}`, ""},
		"json in 2":    {"2.0", `{"rules": [{"local": [{"projects_json": "{0}"}], "remote": [{"type": "a"}]}]}`, "Additional properties are not allowed ('projects_json' was unexpected)\n"},
		"version":      {"9", `{"rules": []}`, "'9' is not one of ['1.0', '2.0', '3.0']\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var doc map[string]any
			if err := json.Unmarshal([]byte(tc.mapping), &doc); err != nil {
				t.Fatal(err)
			}
			if got := mapping.Check(tc.version, doc); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestParseRefusesWhatCannotBeEvaluated(t *testing.T) {
	for _, pattern := range []string{`"(?=x)"`, `"["`, `5`} {
		_, err := mapping.Parse("1.0", []byte(`[{"local": [], "remote": [{"type": "a", "any_one_of": [`+pattern+`], "regex": true}]}]`))
		if err == nil {
			t.Errorf("%s passes", pattern)
		}
	}
}

func TestTry(t *testing.T) {
	input := "# of an employee\nUserName: tbo\norgPersonType: Employee;Manager\n\n"
	for name, rules := range map[string]string{"list": "[" + named + "]", "mapping": `{"schema_version": "2.0", "rules": [` + named + `]}`, "body": `{"mapping": {"rules": [` + named + `]}}`} {
		if r, err := mapping.Try([]byte(rules), input); err != nil || r.User.Name != "tbo" {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
	for name, tc := range map[string][2]string{"no rules": {`{}`, input}, "bad input": {"[" + named + "]", "UserName"}, "nobody": {"[" + named + "]", "x: y"}} {
		if r, err := mapping.Try([]byte(tc[0]), tc[1]); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// FuzzApply feeds any rules with any assertion: whatever is said, nobody gets
// into a group that the whitelist does not hold.
func FuzzApply(f *testing.F) {
	f.Add(named, "UserName", "a;b", "x")
	f.Add(`{"local": [{"groups": "['a', '{0}']", "domain": {"id": "d"}}], "remote": [{"type": "a", "blacklist": [".*"], "regex": true}]}`, "a", "{0}", "['x']")
	f.Add(`{"local": [{"projects_json": "{0}"}], "remote": [{"type": "a"}]}`, "a", `[{"name": "{0}", "roles": []}]`, "")
	listed := `{"local": [{"groups": "{0}", "domain": {"id": "d"}}], "remote": [{"type": "g", "whitelist": ["staff"]}]}`
	f.Fuzz(func(t *testing.T, rule, attribute, first, second string) {
		for _, version := range mapping.Versions {
			rules, err := mapping.Parse(version, []byte("["+rule+"]"))
			if err != nil {
				continue
			}
			r, err := rules.Apply(mapping.Assertion{attribute: {first, second}, "g": {first}})
			if err == nil && r.User.Type == "" {
				t.Error("a user of no kind")
			}
		}
		rules, err := mapping.Parse("1.0", []byte("["+listed+"]"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := rules.Apply(mapping.Assertion{"g": {first, second}})
		if err != nil && !errors.Is(err, mapping.ErrNoMatch) {
			t.Fatal(err)
		}
		for _, g := range r.Groups {
			if g.Name != "staff" {
				t.Errorf("in group %q", g.Name)
			}
		}
	})
}
