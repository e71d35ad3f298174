package ldap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/keystone/identity/ldap/slapd"
	"nacre/internal/oslo/db"
)

type options = map[string]any

// connect makes a driver for a directory of users by uid.
func connect(t testing.TB, s *slapd.Server, more options) identity.Driver {
	t.Helper()
	o := options{"url": s.URL, "suffix": slapd.Suffix, "user": slapd.Admin, "password": slapd.Password, "user_id_attribute": "uid",
		"user_name_attribute": "cn", "pool_retry_max": 1}
	maps.Copy(o, more)
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func names[T keystone.User | keystone.Group](rows []T, err error) string {
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, row := range rows {
		switch r := any(row).(type) {
		case keystone.User:
			out = append(out, r.ID)
		case keystone.Group:
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func people() string {
	return slapd.User("alice", "Alice", "mail: alice@example.org", "description: the first", "employeeType: TRUE", "departmentNumber: 512") +
		slapd.User("bob", "Bob (the builder)*", "employeeType: FALSE", "departmentNumber: 514") +
		slapd.User("carol", "Carol\\, too", "title: boss") +
		slapd.Group("admins", "alice", "gone") + slapd.Group("staff", "bob", "alice") +
		"dn: cn=posix,ou=UserGroups,dc=example,dc=org\nobjectClass: posixGroup\ncn: posix\ndescription: by id\ngidNumber: 7\nmemberUid: carol\nmemberUid: nobody\n\n" +
		"dn: ou=deep,ou=Users,dc=example,dc=org\nobjectClass: organizationalUnit\n\n" +
		"dn: uid=dave,ou=deep,ou=Users,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: dave\ncn: Dave\nsn: Dave\nuserPassword: dave-secret\n\n"
}

// TestUsers: what becomes of entries, and of what is asked for.
func TestUsers(t *testing.T) {
	ctx := t.Context()
	s := slapd.Start(t, people())
	d := connect(t, s, options{"user_additional_attribute_mapping": []any{"title:job"}})
	alice, err := d.User(ctx, "alice")
	want := keystone.User{ID: "alice", Name: "Alice", Enabled: true, Options: map[string]any{}, Extra: map[string]any{"email": "alice@example.org", "description": "the first"}}
	if err != nil || !reflect.DeepEqual(alice, want) {
		t.Errorf("%+v %v", alice, err)
	}
	if carol, err := d.UserByName(ctx, "", "carol\\, TOO"); err != nil || carol.ID != "carol" || carol.Extra["job"] != "boss" {
		t.Errorf("%+v %v", carol, err)
	}
	name := func(comparator, value string) keystone.Filters {
		return keystone.Filters{{Name: "name", Comparator: comparator, Value: value}}
	}
	for _, tc := range []struct {
		fs   keystone.Filters
		want string
	}{
		{nil, "alice bob carol"},
		{name("", "alice"), "alice"},
		{name("contains", "(the builder)*"), "bob"},
		{name("startswith", "Carol\\"), "carol"},
		{name("endswith", "*"), "bob"},
		{name("", "*"), ""},
		{name("", "*)(uid=*"), ""},
		{name("contains", "Alice)(|(uid=*"), ""},
		{name("", "Alice\x00"), ""},
		{append(name("contains", "o"), name("startswith", "c")...), "carol"},
	} {
		if got := names(d.Users(ctx, tc.fs)); got != tc.want {
			t.Errorf("%+v gives %q, want %q", tc.fs, got, tc.want)
		}
	}
	for _, id := range []string{"*", "alice)(uid=*", "nobody", "", "dave", "Alice\x00"} {
		if u, err := d.User(ctx, id); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("%q is %+v %v", id, u, err)
		}
		if u, err := d.UserByName(ctx, "", id); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("the name %q is of %+v %v", id, u, err)
		}
	}
	if got := names(connect(t, s, options{"query_scope": "sub", "user_filter": "(!(uid=bob))"}).Users(ctx, nil)); got != "alice carol dave" {
		t.Errorf("below and filtered: %s", got)
	}
	if got := names(connect(t, s, options{"user_tree_dn": "ou=none," + slapd.Suffix}).Users(ctx, nil)); got != "" {
		t.Errorf("below nothing: %s", got)
	}
	if got := names(connect(t, s, options{"user_name_attribute": "title"}).Users(ctx, nil)); got != "carol" {
		t.Errorf("those without a name are there: %s", got)
	}
}

// TestAuthenticate: only the user with the password.
func TestAuthenticate(t *testing.T) {
	s := slapd.Start(t, people())
	d := connect(t, s, nil)
	for i := range 2 { // a connection that was bound is used again
		for _, tc := range []struct {
			id, password string
			want         error
		}{
			{"alice", "alice-secret", nil}, {"alice", "wrong", identity.ErrRefused}, {"alice", "", identity.ErrRefused},
			{"bob", "alice-secret", identity.ErrRefused}, {"nobody", "alice-secret", identity.ErrRefused}, {"*", "alice-secret", identity.ErrRefused},
			{"", "alice-secret", identity.ErrRefused},
		} {
			if err := d.Authenticate(t.Context(), keystone.User{ID: tc.id}, tc.password); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("%d: %s with %q: %v", i, tc.id, tc.password, err)
			}
		}
	}
	refused := connect(t, s, options{"password": "wrong"})
	if _, err := refused.Users(t.Context(), nil); !errors.Is(err, identity.ErrOurPassword) {
		t.Errorf("with a wrong password of our own: %v", err)
	}
}

// TestEnabled: the ways in which a directory says who may log in.
func TestEnabled(t *testing.T) {
	s := slapd.Start(t, people())
	emulation := options{"user_enabled_emulation": true, "user_enabled_emulation_dn": "cn=Staff, ou=UserGroups," + slapd.Suffix}
	for name, tc := range map[string]struct {
		options options
		want    string
	}{
		"not told":    {nil, "alice bob carol"},
		"default":     {options{"user_enabled_default": "False"}, ""},
		"attribute":   {options{"user_enabled_attribute": "employeeType", "user_enabled_default": "False"}, "alice"},
		"inverted":    {options{"user_enabled_attribute": "employeeType", "user_enabled_invert": true, "user_enabled_default": "False"}, "bob carol"},
		"mask":        {options{"user_enabled_attribute": "departmentNumber", "user_enabled_mask": 2, "user_enabled_default": "512"}, "alice carol"},
		"no number":   {options{"user_enabled_attribute": "employeeType", "user_enabled_mask": 2, "user_enabled_default": "512"}, "carol"},
		"ignored":     {options{"user_enabled_default": "False", "user_attribute_ignore": "enabled, email"}, "alice bob carol"},
		"emulated":    {emulation, "alice bob"},
		"no group":    {options{"user_enabled_emulation": true}, ""},
		"ids":         {options{"user_enabled_emulation": true, "user_enabled_emulation_dn": "cn=posix,ou=UserGroups," + slapd.Suffix, "user_enabled_emulation_use_group_config": true, "group_members_are_ids": true, "group_member_attribute": "memberUid", "group_objectclass": "posixGroup"}, "carol"},
		"not by mask": {merged(emulation, options{"user_enabled_mask": 2}), "alice bob"},
	} {
		t.Run(name, func(t *testing.T) {
			d := connect(t, s, tc.options)
			all, err := d.Users(t.Context(), nil)
			var alone, together []string
			for _, u := range all {
				if u.Enabled {
					together = append(together, u.ID)
				}
				one, err := d.User(t.Context(), u.ID)
				if err != nil {
					t.Fatal(err)
				}
				if one.Enabled {
					alone = append(alone, u.ID)
				}
			}
			slices.Sort(alone)
			slices.Sort(together)
			if err != nil || strings.Join(together, " ") != tc.want || !slices.Equal(alone, together) {
				t.Errorf("%v are enabled, alone %v: %v", together, alone, err)
			}
		})
	}
}

func merged(a, b options) options {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// TestGroups: who belongs together, by DN and by ID.
func TestGroups(t *testing.T) {
	ctx := t.Context()
	s := slapd.Start(t, people())
	d := connect(t, s, nil)
	if got := names(d.Groups(ctx, nil)); got != "admins staff" {
		t.Errorf("groups: %s", got)
	}
	if got := names(d.GroupsOf(ctx, "alice")); got != "admins staff" {
		t.Errorf("groups of alice: %s", got)
	}
	if got := names(d.UsersOf(ctx, "staff")); got != "alice bob" {
		t.Errorf("users of staff: %s", got)
	}
	if got := names(d.UsersOf(ctx, "admins")); got != "alice" {
		t.Errorf("users of admins, of whom one is gone: %s", got)
	}
	if _, err := d.UsersOf(ctx, "*"); !errors.Is(err, db.ErrNoRow) {
		t.Errorf("users of no group: %v", err)
	}
	if _, err := d.GroupsOf(ctx, "nobody"); !errors.Is(err, db.ErrNoRow) {
		t.Errorf("groups of nobody: %v", err)
	}
	d = connect(t, s, options{"group_objectclass": "posixGroup", "group_member_attribute": "memberUid", "group_members_are_ids": true, "group_name_attribute": "cn"})
	if got := names(d.UsersOf(ctx, "posix")); got != "carol" {
		t.Errorf("users of posix: %s", got)
	}
	if got := names(d.GroupsOf(ctx, "carol")); got != "posix" {
		t.Errorf("groups of carol: %s", got)
	}
	if g, err := d.Group(ctx, "posix"); err != nil || g.Description != "by id" || g.Name != "posix" {
		t.Errorf("%+v %v", g, err)
	}
	if got := names(connect(t, s, options{"group_filter": "(cn=staff)"}).GroupsOf(ctx, "alice")); got != "staff" {
		t.Errorf("filtered groups of alice: %s", got)
	}
}

// TestLargeGroups: members are asked for in several searches.
func TestLargeGroups(t *testing.T) {
	var ldif strings.Builder
	var all []string
	for i := range 2*membersAtOnce + 3 {
		uid := fmt.Sprintf("u%03d", i)
		all = append(all, uid)
		ldif.WriteString(slapd.User(uid, uid))
	}
	s := slapd.Start(t, ldif.String()+slapd.Group("all", append(all, "gone")...))
	if got := names(connect(t, s, nil).UsersOf(t.Context(), "all")); got != strings.Join(all, " ") {
		t.Errorf("users of all: %s", got)
	}
}

// TestPaging: pages bring more than the server tells at once.
func TestPaging(t *testing.T) {
	ldif := ""
	for i := range 12 {
		ldif += slapd.User(fmt.Sprint("u", i), fmt.Sprint("u", i))
	}
	s := slapd.Start(t, ldif)
	reader := options{"user": "cn=reader," + slapd.Suffix, "password": "reader-secret"}
	if _, err := connect(t, s, reader).Users(t.Context(), nil); !errors.Is(err, identity.ErrSizeLimit) {
		t.Errorf("all at once: %v", err)
	}
	all, err := connect(t, s, merged(reader, options{"page_size": 5})).Users(t.Context(), nil)
	if err != nil || len(all) != 12 {
		t.Errorf("in pages: %d %v", len(all), err)
	}
}

// TestTLS: only a server whose certificate is good is told anything.
func TestTLS(t *testing.T) {
	s, other := slapd.Start(t, people()), slapd.Start(t, "")
	empty := t.TempDir()
	authorities := t.TempDir()
	text, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(authorities, "ca.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		options options
		want    string
	}{
		"ldaps":                {options{"url": s.TLSURL, "tls_cacertfile": s.CA}, "alice bob carol"},
		"start tls":            {options{"use_tls": true, "tls_cacertfile": s.CA}, "alice bob carol"},
		"directory":            {options{"url": s.TLSURL, "tls_cacertdir": authorities}, "alice bob carol"},
		"ldaps, wrong CA":      {options{"url": s.TLSURL, "tls_cacertfile": other.CA}, "certificate"},
		"start tls, wrong CA":  {options{"use_tls": true, "tls_cacertfile": other.CA}, "certificate"},
		"ldaps, no CA":         {options{"url": s.TLSURL}, "certificate"},
		"wrong CA, never mind": {options{"url": s.TLSURL, "tls_cacertfile": other.CA, "tls_req_cert": "never"}, "alice bob carol"},
		"another name":         {options{"url": strings.Replace(s.TLSURL, "127.0.0.1", "localhost", 1), "tls_cacertfile": s.CA}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(connect(t, s, tc.options).Users(t.Context(), nil)); !strings.Contains(got, tc.want) {
				t.Errorf("%s", got)
			}
		})
	}
	for name, o := range map[string]options{"no authority": {"tls_cacertdir": empty, "use_tls": true}, "no file": {"tls_cacertfile": filepath.Join(empty, "x"), "use_tls": true}} {
		if _, err := New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestServerAway: a server that is away is an error, not an answer, and is asked
// again when it is back; another one is asked meanwhile.
func TestServerAway(t *testing.T) {
	ctx := t.Context()
	s, spare := slapd.Start(t, people()), slapd.Start(t, people())
	d := connect(t, s, nil)
	both := connect(t, s, options{"url": s.URL + ", " + spare.URL})
	alice := keystone.User{ID: "alice"}
	look := func(d identity.Driver) error {
		_, err := d.User(ctx, "alice")
		return errors.Join(err, d.Authenticate(ctx, alice, "alice-secret"))
	}
	for _, d := range []identity.Driver{d, both} {
		if err := look(d); err != nil {
			t.Fatal(err)
		}
	}
	s.Stop()
	for range 2 {
		_, err := d.User(ctx, "alice")
		if err == nil || errors.Is(err, db.ErrNoRow) || !strings.Contains(err.Error(), "unable to establish a connection") {
			t.Errorf("away: %v", err)
		}
		if err := d.Authenticate(ctx, alice, "alice-secret"); err == nil || errors.Is(err, identity.ErrRefused) {
			t.Errorf("away: %v", err)
		}
		if err := look(both); err != nil {
			t.Errorf("the other server is not asked: %v", err)
		}
	}
	s.Run(t)
	if err := look(d); err != nil {
		t.Errorf("back again: %v", err)
	}
	s.Stop()
	s.Run(t) // connections that were kept are dead, and nobody is to notice
	if err := look(d); err != nil {
		t.Errorf("restarted: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.User(ended, "alice"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

// TestServerCutsOff: a server may end a connection that was kept after it has
// read a question; the question is asked again, and nobody is to notice.
func TestServerCutsOff(t *testing.T) {
	s := slapd.Start(t, people())
	var until atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go cutOff(client, strings.TrimPrefix(s.URL, "ldap://"), &until)
		}
	}()
	d := connect(t, s, options{"url": "ldap://" + l.Addr().String()})
	look := func() error { _, err := d.User(t.Context(), "alice"); return err }
	login := func() error { return d.Authenticate(t.Context(), keystone.User{ID: "alice"}, "alice-secret") }
	for name, tc := range map[string]struct {
		ask func() error
		at  int32
	}{
		"search":            {look, 1},
		"search of a login": {login, 1},
		"bind":              {login, 2},
	} {
		if err := tc.ask(); err != nil {
			t.Fatal(err)
		}
		until.Store(tc.at)
		if err := tc.ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if until.Load() > 0 {
			t.Errorf("%s: nothing was cut off", name)
		}
	}
}

// cutOff passes on what a client and a server say to each other, and ends the
// connection at the question that counts until down from 1 to 0.
func cutOff(client net.Conn, server string, until *atomic.Int32) {
	defer client.Close()
	behind, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer behind.Close()
	go func() { _, _ = io.Copy(client, behind) }()
	for buf := make([]byte, 4096); ; {
		n, err := client.Read(buf)
		if err != nil || until.Add(-1) == 0 {
			return
		}
		if _, err := behind.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestNoPool works without any connection kept.
func TestNoPool(t *testing.T) {
	s := slapd.Start(t, people())
	d := connect(t, s, options{"use_pool": false, "user": nil, "password": nil, "connection_timeout": 5, "randomize_urls": true})
	if got := names(d.Users(t.Context(), nil)); got != "alice bob carol" {
		t.Errorf("%s", got)
	}
	if err := d.Authenticate(t.Context(), keystone.User{ID: "alice"}, "alice-secret"); err != nil {
		t.Error(err)
	}
	s.Delete(t, "uid=alice,ou=Users,"+slapd.Suffix)
	if err := d.Authenticate(t.Context(), keystone.User{ID: "alice"}, "alice-secret"); !errors.Is(err, identity.ErrRefused) {
		t.Error(err)
	}
}

// TestOptions: every mistake is told, none is passed over.
func TestOptions(t *testing.T) {
	_, err := New(options{"url": "http://x, ldaps://y", "use_tls": "on", "query_scope": "all", "alias_dereferencing": "x", "chase_referrals": true, "debug_level": 1,
		"user_filter": "uid=x", "group_filter": "((", "user_id_attribute": "uid)(", "user_mail_attribute": "a b", "group_additional_attribute_mapping": "x",
		"pool_size": 0, "page_size": "many", "tls_req_cert": "maybe", "user_tree_dn": "x", "user_fliter": "(a=b)", "pool_retry_delay": -1.5, "connection_timeout": -2, "user": []any{1}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"http://x", "invalid TLS / LDAPS combination", "query_scope", "alias_dereferencing", "chase_referrals", "debug_level", "user_filter",
		"group_filter", "user_id_attribute", "user_mail_attribute", "group_additional_attribute_mapping", "pool_size", "page_size", "user_tree_dn", "user_fliter",
		"pool_retry_delay", "connection_timeout", "user:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not told of: %v", want, err)
		}
	}
	if _, err := New(options{"tls_req_cert": "maybe", "use_tls": true}); err == nil || !strings.Contains(err.Error(), "tls_req_cert") {
		t.Errorf("tls_req_cert: %v", err)
	}
}

// TestDefaults: an option that nobody gives is what the API says of it.
func TestDefaults(t *testing.T) {
	o := defaults()
	v := reflect.ValueOf(o)
	byName := map[string]any{}
	for i := range v.NumField() {
		byName[v.Type().Field(i).Tag.Get("option")] = v.Field(i).Interface()
	}
	for name, told := range keystone.DomainDefaults("ldap")["ldap"] {
		have, ok := byName[name]
		if !ok {
			t.Errorf("%s is not known here", name)
		} else if told != nil && fmt.Sprint(told) != fmt.Sprint(have) {
			t.Errorf("%s is %v, the API says %v", name, have, told)
		}
	}
}

// TestGUID: Active Directory's IDs are bytes, and are found by what they are shown as.
func TestGUID(t *testing.T) {
	raw := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	k := kind{id: "objectGUID", class: "user"}
	e := &goldap.Entry{DN: "cn=x", Attributes: []*goldap.EntryAttribute{{Name: "objectGUID", Values: []string{string(raw)}, ByteValues: [][]byte{raw}}}}
	id := k.idOf(t.Context(), e)
	if id != "00112233-4455-6677-8899-aabbccddeeff" {
		t.Fatal(id)
	}
	if got := k.byID(id); got != `(&(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)(objectClass=user))` {
		t.Error(got)
	}
}

// FuzzFilter: whatever a client asks for, the filter keeps its shape and holds
// the client's very bytes as one value.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"alice", "*", "a)(uid=*", `\2a`, "(&(|", "\x00", "é\xff", ")", "\\", "!(x=y)"} {
		f.Add(seed)
	}
	k := kind{tree: "ou=Users", class: "person", filter: "(!(uid=root))", id: "uid", name: "cn"}
	build := []func(string) string{k.byID, func(v string) string { return k.among(equal("cn", v)) }}
	for _, comparator := range []string{"", "contains", "startswith", "endswith"} {
		build = append(build, func(v string) string {
			return k.among(narrow(keystone.Filters{{Name: "name", Comparator: comparator, Value: v}}, "cn"))
		})
	}
	f.Fuzz(func(t *testing.T, value string) {
		if value == "" {
			return
		}
		for i, make := range build {
			plain, err := goldap.CompileFilter(make("x"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := goldap.CompileFilter(make(value))
			if err != nil {
				t.Fatalf("%d: %q: %v", i, make(value), err)
			}
			same(t, plain, got, value)
		}
	})
}
