package identity_test

import (
	"reflect"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
)

func TestParseConf(t *testing.T) {
	got, err := identity.ParseConf("# of a domain\n[identity]\ndriver = ldap\n\n[ldap]\nurl=ldap://a,\n  ldap://b\nuser: 'cn=x,dc=y'\nuser_filter =\n; end\npassword = a=b:c # d\n")
	want := keystone.DomainConfig{"identity": {"driver": "ldap"},
		"ldap": {"url": "ldap://a,\nldap://b", "user": "cn=x,dc=y", "user_filter": "", "password": "a=b:c # d"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"[x\n", "x\n", "[]\n", "  x = 1\n", "[a]\nx=1\nx=2\n", "=1\n"} {
		if got, err := identity.ParseConf(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func TestDecode(t *testing.T) {
	type options struct {
		Text   string   `option:"text"`
		On     bool     `option:"on"`
		Number int      `option:"number"`
		Share  float64  `option:"share"`
		List   []string `option:"list"`
	}
	for _, given := range []map[string]any{
		{"text": "t", "on": "Yes", "number": "7", "share": "0.5", "list": " a, 'b' ,"},
		{"text": "t", "on": true, "number": 7.0, "share": 0.5, "list": []any{"a", "b"}},
		{"text": "t", "on": true, "number": 7, "share": 0.5, "list": "a,b"},
	} {
		got := options{Text: "default"}
		if err := identity.Decode(given, &got); err != nil || !reflect.DeepEqual(got, options{"t", true, 7, 0.5, []string{"a", "b"}}) {
			t.Errorf("%v: %+v %v", given, got, err)
		}
	}
	got := options{Text: "default"}
	if err := identity.Decode(map[string]any{"text": nil}, &got); err != nil || got.Text != "default" {
		t.Errorf("null: %+v %v", got, err)
	}
	for _, bad := range []map[string]any{{"x": 1}, {"": 1}, {"on": "maybe"}, {"number": 7.5}, {"share": "half"}, {"text": []any{}}, {"list": map[string]any{}}} {
		if err := identity.Decode(bad, &got); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// FuzzParseConf: any file is read or refused.
func FuzzParseConf(f *testing.F) {
	f.Add("[ldap]\nurl = x\n y\n")
	f.Add("[\n")
	f.Fuzz(func(t *testing.T, text string) {
		if config, err := identity.ParseConf(text); err == nil {
			for group, options := range config {
				if group == "" || len(options) == 0 {
					t.Errorf("%q: a group %q of %d options", text, group, len(options))
				}
			}
		}
	})
}
