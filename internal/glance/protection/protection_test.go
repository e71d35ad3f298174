package protection

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/policy"
)

// write makes a file of rules.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "protections.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, text, format string) *Rules {
	t.Helper()
	r, err := Open(write(t, text), format)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all is a section in which one value holds for each operation.
func all(name, who string) string {
	return "[" + name + "]\ncreate = " + who + "\nread = " + who + "\nupdate = " + who + "\ndelete = " + who + "\n"
}

const byRoles = `
# who owns an image may say so
[^x_owner_.*]
create = admin,Member
read = admin,member
update = admin ,member
delete: admin,
    member

[spl_read_only]
CREATE = admin
read = admin, spl_role
update = admin
delete =

[os_glance_secret]
read = !

[x_none_read]
create = admin,member
read = !
update = admin,!
delete = admin

[x_all]
create = @
read = @
update = @
delete = @

[x_foo_matcher]
create = admin
read = admin
update = admin
delete = admin

[x_foo_*]
create = @
read = @
update = @
delete = @
`

func TestRoles(t *testing.T) {
	r := open(t, byRoles, Roles)
	for _, tc := range []struct {
		roles    string
		op       Operation
		property string
		want     bool
	}{
		{"member", Create, "x_owner_foo", true},
		{"MEMBER", Create, "x_owner_foo", true},
		{"reader", Create, "x_owner_foo", false},
		{"", Create, "x_owner_foo", false},
		{"member", Update, "x_owner_foo", true},
		{"member", Delete, "x_owner_foo", true}, // its list goes on in the next line
		{"member", Create, "my_x_owner_foo", false},
		{"spl_role", Read, "spl_read_only", true},
		{"spl_role", Read, "the_spl_read_only_one", true}, // an expression is looked for anywhere
		{"spl_role", Create, "spl_read_only", false},
		{"admin", Create, "spl_read_only", true},
		{"admin", Delete, "spl_read_only", false}, // nobody is named
		{"member", Create, "x_none_read", true},
		{"admin", Read, "x_none_read", false},
		{"admin", Update, "x_none_read", false}, // ! counts more than who is named
		{"", Update, "x_all", true},
		{"member", Read, "x_foo_matcher", false}, // the first section that fits decides
		{"member", Read, "x_foo_other", true},
		{"admin", Read, "nothing_fits", false},
		{"admin", "other", "x_owner_foo", false},
		{"", Read, "os_glance_secret", true},     // the service's own
		{"", Read, "my_os_glance_secret", false}, // is not, and has no section
	} {
		who := auth.Identity{Roles: strings.Fields(tc.roles)}
		if got := r.May(who, tc.op, tc.property); got != tc.want {
			t.Errorf("%q %s %s: %v", tc.roles, tc.op, tc.property, got)
		}
		read := r.Reader(who)
		for range 2 {
			if tc.op == Read && read(tc.property) != tc.want {
				t.Errorf("reader %q %s: %v", tc.roles, tc.property, !tc.want)
			}
		}
	}
	if !r.May(auth.Identity{ServiceRoles: []string{"admin"}}, Read, "x_foo_matcher") {
		t.Error("roles of a service count too")
	}
}

// TestNoFile: then everybody may do everything.
func TestNoFile(t *testing.T) {
	r, err := Open("", Roles)
	if err != nil || !r.May(auth.Identity{}, Delete, "x") || r.Reader(auth.Identity{}) != nil || r.By(nil) != nil {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestDefault: a section says what DEFAULT says where it does not itself.
func TestDefault(t *testing.T) {
	r := open(t, "[a]\nread = @\n[DEFAULT]\ncreate = !\nread = !\n[b]\nread = !\n[DEFAULT]\nupdate = @\ndelete = admin\n", Roles)
	for _, tc := range []struct {
		op       Operation
		property string
		want     bool
	}{{Read, "a", true}, {Create, "a", false}, {Update, "a", true}, {Read, "b", false}, {Delete, "b", false}} {
		if got := r.May(auth.Identity{}, tc.op, tc.property); got != tc.want {
			t.Errorf("%s %s: %v", tc.op, tc.property, got)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, wants := range map[string][]string{
		"read = @":                       {`line 1: there is no [section] before it`},
		"[a]\nread":                      {`line 2: "read" is neither a [section] nor an operation = who may do it`},
		"[a]\n= x":                       {`line 2: "= x" is neither`},
		"[a]\nread = @\n":                {`line 1: [a] does not say who may create`, `line 1: [a] does not say who may update`, `line 1: [a] does not say who may delete`},
		all("a", "@") + "rade = @":       {`line 6: "rade" is none of create, read, update, delete`},
		all("a", "@") + "read = @":       {`line 6: read is there already, in line 3`},
		all("a", "@") + all("a", "@"):    {`line 6: [a] is there already, in line 1`},
		all("a", "@, !"):                 {`line 2: create: @ and ! exclude each other`},
		all("^[0-9)", "@"):               {"line 1: [^[0-9)] is no regular expression of RE2, which has neither look-around nor back-references: missing closing ]: `[0-9)`"},
		all("^x_(?!y)", "@"):             {"line 1: [^x_(?!y)] is no regular expression of RE2, which has neither look-around nor back-references: invalid or unsupported Perl syntax: `(?!`"},
		all(`(a)\1`, "@"):                {"invalid escape sequence: `\\1`"},
		all("x{,3}", "@"):                {`line 1: [x{,3}]: "{," means something else in RE2 than in Python`},
		all("[[:alpha:]]", "@"):          {`"[:" means something else`},
		all("a", "%(member)s"):           {`line 2: create: a % is written %%, for there is no interpolation`},
		"[DEFAULT]\nraed = @\n":          {`line 2: "raed" is none of`},
		"\n[a\nread = @":                 {`line 2: there is no [section] before it`, `line 3: there is no [section] before it`},
		all("(", "@") + all("b", "@, !"): {"line 1: [(] is no regular expression", "line 7: create: @ and !", "line 10: delete: @ and !"},
	} {
		r, err := Open(write(t, text), Roles)
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, %v\nwant %s", text, r, err, want)
			}
		}
	}
	if _, err := Open("/nowhere/at/all", Roles); err == nil || !strings.Contains(err.Error(), "property_protection_file: stat /nowhere/at/all: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func enforcer(t *testing.T, rules map[string]string) *policy.Enforcer {
	t.Helper()
	var all []policy.Rule
	for name, check := range rules {
		all = append(all, policy.Rule{Name: name, Check: check})
	}
	e, err := policy.New(all, "")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPolicies(t *testing.T) {
	r := open(t, all("spl_creator", "glance_creator")+all("x_all", "@")+all("x_none", "!"), Policies)
	who := auth.Identity{Roles: []string{"spl_role"}}
	if r.May(who, Read, "spl_creator") {
		t.Error("allowed though no policy is known")
	}
	if err := r.By(enforcer(t, map[string]string{"glance_creator": "role:admin or role:spl_role"})); err != nil {
		t.Fatal(err)
	}
	for property, want := range map[string]bool{"spl_creator": true, "x_all": true, "x_none": false, "other": false} {
		if got := r.May(who, Read, property); got != want {
			t.Errorf("%s: %v", property, got)
		}
	}
	if r.May(auth.Identity{Roles: []string{"member"}}, Create, "spl_creator") {
		t.Error("a member may create")
	}
	_, err := Open(write(t, all("a", "one, two")), Policies)
	if want := `line 2: create: "one, two" are several rules of the policy: one may be named, which combines them`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	err = r.By(enforcer(t, map[string]string{"other": "@"}))
	if want := `line 2: create: the policy has no rule "glance_creator"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// TestReload: a changed file holds, and a wrong one changes nothing.
func TestReload(t *testing.T) {
	r := open(t, all("a", "@"), Roles)
	for i, step := range []struct {
		text string
		want bool
	}{{all("a", "!"), false}, {all("a", "@"), true}, {all("a", "@, !"), true}, {"", false}} {
		if err := os.WriteFile(r.file, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i+1) * time.Hour)
		if err := os.Chtimes(r.file, at, at); err != nil {
			t.Fatal(err)
		}
		r.asked = time.Time{}
		if got := r.May(auth.Identity{}, Read, "a"); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}
