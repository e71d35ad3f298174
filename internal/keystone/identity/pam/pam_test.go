package pam

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/oslo/db"
)

// service makes a PAM service of the test's own in which daemon, a user of
// every Debian, has the password right; games has it too, but its account is
// closed. It gives the name.
func service(t *testing.T, script string) string {
	t.Helper()
	check := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(check, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("nacre-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	text := "auth required pam_exec.so quiet expose_authtok " + check + "\naccount required pam_succeed_if.so quiet user != games\n"
	if err := os.WriteFile("/etc/pam.d/"+name, []byte(text), 0o644); err != nil {
		t.Fatalf("%v: this test is root's", err)
	}
	t.Cleanup(func() { os.Remove("/etc/pam.d/" + name) })
	return name
}

const rightPassword = `test "$(tr -d '\0')" = "right horse"`

func TestAuthenticate(t *testing.T) {
	d, err := New(map[string]any{"service": service(t, rightPassword), "min_uid": 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		id, password string
		want         error
	}{
		{"daemon", "right horse", nil}, {"daemon", "wrong", identity.ErrRefused}, {"daemon", "", identity.ErrRefused},
		{"daemon", "right horse\nx", identity.ErrRefused}, {"daemon", "right horse\x00", identity.ErrRefused},
		{"daemon", strings.Repeat("x", 600), identity.ErrRefused}, {"games", "right horse", identity.ErrRefused},
		{"root", "right horse", identity.ErrRefused}, {"nobody-here", "right horse", identity.ErrRefused},
		{"-v", "right horse", identity.ErrRefused}, {"1", "right horse", identity.ErrRefused}, {"", "right horse", identity.ErrRefused},
	} {
		if err := d.Authenticate(t.Context(), keystone.User{ID: tc.id}, tc.password); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
			t.Errorf("%s with %q: %v", tc.id, tc.password, err)
		} else if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// TestPasswordIsSecret: what others see of the processes does not tell it.
func TestPasswordIsSecret(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	script := "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; tr '\\0' ' ' <$p/environ; echo; done >" + seen + " 2>/dev/null\n" + rightPassword
	d, err := New(map[string]any{"service": service(t, script), "min_uid": "1", "timeout": 300}) // it looks at all processes
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), keystone.User{ID: "daemon"}, "right horse"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(text), "pamtester") || strings.Contains(string(text), "right horse") {
		t.Errorf("%v: the processes at work, or the password among them:\n%s", err, text)
	}
}

func TestSlowPAM(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began")
	d, err := New(map[string]any{"service": service(t, "touch "+began+"\nwhile kill -0 $PPID; do sleep 0.1; done"), "min_uid": 1, "timeout": 300})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for _, err := os.Stat(began); err != nil && ctx.Err() == nil; _, err = os.Stat(began) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if err := d.Authenticate(ctx, keystone.User{ID: "daemon"}, "right horse"); !errors.Is(err, context.Canceled) || errors.Is(err, identity.ErrRefused) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

func TestUsers(t *testing.T) {
	ctx := t.Context()
	d, err := New(map[string]any{"min_uid": 1, "max_uid": 100})
	if err != nil {
		t.Fatal(err)
	}
	users, err := d.Users(ctx, nil)
	found := map[string]keystone.User{}
	for _, u := range users {
		found[u.ID] = u
	}
	if _, root := found["root"]; err != nil || !found["daemon"].Enabled || root {
		t.Errorf("%+v %v", found, err)
	}
	if u, err := d.UserByName(ctx, "", "daemon"); err != nil || u.ID != "daemon" || u.Extra["description"] != "daemon" {
		t.Errorf("%+v %v", u, err)
	}
	for _, id := range []string{"root", "0", "1", "-x", "", "nobody-here", "daemon:x"} {
		if _, err := d.User(ctx, id); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("%q: %v", id, err)
		}
	}
	groups, err := d.GroupsOf(ctx, "daemon")
	if err != nil || len(groups) != 1 || groups[0].ID != "daemon" {
		t.Errorf("%+v %v", groups, err)
	}
	users, err = d.UsersOf(ctx, "daemon")
	if err != nil || len(users) != 1 || users[0].ID != "daemon" {
		t.Errorf("%+v %v", users, err)
	}
	if _, err := d.Group(ctx, "root"); !errors.Is(err, db.ErrNoRow) {
		t.Errorf("the group of root: %v", err)
	}
	if _, err := d.GroupsOf(ctx, "root"); !errors.Is(err, db.ErrNoRow) {
		t.Errorf("groups of root: %v", err)
	}
	if _, err := New(map[string]any{"service": "../x", "min_uid": 0, "timeout": 0, "sevrice": 1}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("mistakes: %v", err)
	}
}
