package service_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

const day = 24 * time.Hour

// refused reports the sentence of a refusal with that status.
func refused(t *testing.T, err error, status int, words string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Status != status || !strings.Contains(f.Message, words) {
		t.Errorf("%v, want %d %s", err, status, words)
	}
}

const unauthorizedWords = "The request you have made requires authentication."

// TestLockout: after so many failures even the right password is refused, in
// the same words, on every replica, until time has passed or an administrator
// enables the user.
func TestLockout(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(c *service.Config) {
			c.Compliance.LockoutFailureAttempts, c.Compliance.LockoutDuration = 3, time.Minute
		})
		fail := func(n int) {
			t.Helper()
			for range n {
				_, err := w.login(t.Context(), "wrong")
				refused(t, err, 401, unauthorizedWords)
			}
		}
		fail(2)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatalf("two failures of three: %v", err)
		}
		fail(3) // the success began the count anew
		_, err := w.login(t.Context(), "pw")
		refused(t, err, 401, unauthorizedWords)
		w.Service, w.other = w.other, w.Service
		_, err = w.login(t.Context(), "pw")
		refused(t, err, 401, unauthorizedWords)
		w.clock.now = w.clock.now.Add(time.Minute)
		fail(2) // the count began anew
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatalf("after the lock: %v", err)
		}
		fail(3)
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"enabled": true})
		w.must(t, err)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatalf("after it was enabled: %v", err)
		}
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"ignore_lockout_failure_attempts": true}})
		w.must(t, err)
		fail(5)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatalf("one who is never locked: %v", err)
		}
	})
}

// TestLockoutForever: without a duration a lock has no end.
func TestLockoutForever(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations), func(c *service.Config) { c.Compliance.LockoutFailureAttempts = 1 })
	_, _ = w.login(t.Context(), "wrong")
	w.clock.now = w.clock.now.Add(1000 * day)
	_, err := w.login(t.Context(), "pw")
	refused(t, err, 401, unauthorizedWords)
}

// TestGuessesAtOnce: of a hundred guesses at once no more than the limit are
// answered, and the lock holds afterwards; right passwords at once lock nobody.
func TestGuessesAtOnce(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(c *service.Config) {
			c.Compliance.LockoutFailureAttempts, c.Compliance.LockoutDuration, c.Hashers = 4, time.Minute, 8
		})
		at := func(n int, password func(i int) string) (good int) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range n {
				wg.Go(func() {
					s := w.Service
					if i%2 == 0 {
						s = w.other
					}
					_, err := s.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: w.user.ID}, password(i)), keystone.Scope{Unscoped: true})
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						good++
					} else if !fault.Is(err, 401) {
						t.Errorf("guess: %v", err)
					}
				})
			}
			wg.Wait()
			return good
		}
		if good := at(20, func(int) string { return "pw" }); good != 20 {
			t.Errorf("%d of 20 logins at once", good)
		}
		at(100, func(i int) string { return fmt.Sprint("guess", i) })
		if _, err := w.login(t.Context(), "pw"); err == nil {
			t.Error("not locked after a hundred guesses")
		}
	})
}

// TestFailuresMoveNothing: wrong passwords make nobody forget what was worked out of the tables.
func TestFailuresMoveNothing(t *testing.T) {
	d := dbtest.SQLite(t, store.Migrations)
	w := newWorld(t, d, func(c *service.Config) { c.Compliance.LockoutFailureAttempts = 100 })
	before, err := store.New(d).Revision(t.Context())
	w.must(t, err)
	_, _ = w.login(t.Context(), "wrong")
	after, err := store.New(d).Revision(t.Context())
	w.must(t, err)
	if before != after {
		t.Errorf("a wrong password moves the revision from %d to %d", before, after)
	}
}

func TestPasswordExpiry(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(c *service.Config) { c.Compliance.PasswordExpiresDays = 2 })
		want := w.clock.now.Add(2 * day).Truncate(time.Second)
		u, err := w.User(t.Context(), w.user.ID)
		if err != nil || u.PasswordExpires == nil || !u.PasswordExpires.Equal(want) {
			t.Fatalf("expires %v %v, want %v", u.PasswordExpires, err, want)
		}
		tok, err := w.login(t.Context(), "pw")
		if err != nil || !tok.User.PasswordExpires.Equal(want) {
			t.Fatalf("token: %v %v", tok.User.PasswordExpires, err)
		}
		for filter, n := range map[keystone.Filter]int{
			{Name: "password_expires_at", Comparator: "eq", Time: want}: 1, {Name: "password_expires_at", Comparator: "lt", Time: want}: 0,
			{Name: "password_expires_at", Comparator: "gte", Time: want}: 1, {Name: "password_expires_at", Comparator: "neq", Time: want}: 0} {
			if rows, err := w.Users(t.Context(), keystone.Filters{filter}); err != nil || len(rows) != n {
				t.Errorf("%v: %d users, %v", filter, len(rows), err)
			}
		}
		w.clock.now = w.clock.now.Add(2 * day)
		_, err = w.login(t.Context(), "pw")
		refused(t, err, 401, "The password is expired and needs to be changed for user: "+w.user.ID+".")
		_, err = w.login(t.Context(), "wrong")
		refused(t, err, 401, unauthorizedWords)
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"ignore_password_expiry": true}})
		w.must(t, err)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Errorf("exempt: %v", err)
		}
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"ignore_password_expiry": nil}})
		w.must(t, err)
		w.must(t, w.ChangePassword(t.Context(), w.user.ID, "pw", "new"))
		w.clock.now = w.clock.now.Add(time.Second)
		if _, err := w.login(t.Context(), "new"); err != nil {
			t.Errorf("changed: %v", err)
		}
	})
}

func TestChangePasswordFirst(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations), func(c *service.Config) { c.Compliance.ChangePasswordFirst = true })
	_, err := w.login(t.Context(), "pw")
	refused(t, err, 401, "The password is expired")
	w.must(t, w.ChangePassword(t.Context(), w.user.ID, "pw", "own"))
	if _, err := w.login(t.Context(), "own"); err != nil {
		t.Errorf("after the change: %v", err)
	}
	_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"password": "reset"})
	w.must(t, err)
	_, err = w.login(t.Context(), "reset")
	refused(t, err, 401, "The password is expired")
	_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"password": "reset", "options": map[string]any{"ignore_change_password_upon_first_use": true}})
	w.must(t, err)
	if _, err := w.login(t.Context(), "reset"); err != nil {
		t.Errorf("exempt: %v", err)
	}
}

func TestPasswordHistory(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(c *service.Config) { c.Compliance.UniqueLastPasswords = 3 })
		now := "pw"
		change := func(to string) error {
			w.clock.now = w.clock.now.Add(time.Second)
			err := w.ChangePassword(t.Context(), w.user.ID, now, to)
			if err == nil {
				now = to
			}
			return err
		}
		const words = "The new password cannot be identical to a previous password. The total number which includes the new password must be unique is 3."
		refused(t, change("pw"), 400, words)
		w.must(t, change("a"))
		w.must(t, change("b"))
		refused(t, change("pw"), 400, words)
		refused(t, change("b"), 400, words)
		w.must(t, change("c"))
		w.must(t, change("pw")) // three others since
		// an administrator may set any
		_, err := w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"password": "pw"})
		w.must(t, err)
		had, err := store.New(d).Passwords(t.Context(), w.user.ID)
		if err != nil || len(had) > 4 {
			t.Errorf("%d passwords are kept: %v", len(had), err)
		}
	})
}

func TestMinimumPasswordAge(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations), func(c *service.Config) { c.Compliance.MinimumPasswordAge = 2 })
	w.must(t, w.ChangePassword(t.Context(), w.user.ID, "pw", "a")) // set by an administrator
	w.clock.now = w.clock.now.Add(day / 2)
	refused(t, w.ChangePassword(t.Context(), w.user.ID, "a", "b"), 400,
		"it must be used for 2 day(s) before it can be changed. Please try again in 1 day(s) or contact your administrator")
	_, err := w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"password": "reset"})
	w.must(t, err)
	w.must(t, w.ChangePassword(t.Context(), w.user.ID, "reset", "b"))
	w.clock.now = w.clock.now.Add(2*day + time.Second)
	w.must(t, w.ChangePassword(t.Context(), w.user.ID, "b", "c"))
	_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"lock_password": true}})
	w.must(t, err)
	w.clock.now = w.clock.now.Add(2 * day)
	refused(t, w.ChangePassword(t.Context(), w.user.ID, "c", "d"), 400, "due to password policy disallowing password changes")
}

func TestPasswordRegex(t *testing.T) {
	set := func(c *service.Config) {
		c.Compliance.PasswordRegex = `^(?=.*\d)(?=.*[a-zA-Z]).{7,}$`
		c.Compliance.PasswordRegexDescription = "letters and digits"
	}
	config := service.Config{PasswordHashRounds: 4}
	set(&config)
	s := service.New(service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Tokens: token.NewFernet(keysOf(t), nil), Config: config})
	w := &world{}
	w.must(t, s.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "secret"}))
	_, err := s.CreateUser(t.Context(), keystone.Attributes{"name": "u", "password": "letters"})
	refused(t, err, 400, "The password does not match the requirements: letters and digits.")
	_, err = s.CreateUser(t.Context(), keystone.Attributes{"name": "u", "password": nil})
	refused(t, err, 400, "Password validation error: Password must be a string type.")
	u, err := s.CreateUser(t.Context(), keystone.Attributes{"name": "u", "password": "letters1"})
	w.must(t, err)
	refused(t, s.ChangePassword(t.Context(), u.ID, "letters1", "x1"), 400, "letters and digits")
	_, err = s.UpdateUser(t.Context(), u.ID, keystone.Attributes{"password": "1234567"})
	refused(t, err, 400, "letters and digits")
	if err := (service.Compliance{PasswordRegex: "("}).Check(); err == nil {
		t.Error("a pattern that is none passes the check")
	}
}

// TestInactiveUser: who was away too long is disabled, until an administrator says otherwise.
func TestInactiveUser(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(c *service.Config) { c.Compliance.DisableUserDaysInactive = 3 })
		w.clock.now = w.clock.now.Add(2 * day)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatal(err)
		}
		w.clock.now = w.clock.now.Add(2 * day) // two days after the login, four after the user was made
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Fatal(err)
		}
		w.clock.now = w.clock.now.Add(3 * day)
		_, err := w.login(t.Context(), "pw")
		refused(t, err, 401, unauthorizedWords)
		u, err := w.User(t.Context(), w.user.ID)
		if err != nil || u.Enabled {
			t.Errorf("shown enabled: %v", err)
		}
		off := keystone.Filters{{Name: "enabled", Value: "false"}, {Name: "name", Value: "u"}}
		if rows, err := w.Users(t.Context(), off); err != nil || len(rows) != 1 {
			t.Errorf("listed: %d, %v", len(rows), err)
		}
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"email": "x"})
		w.must(t, err)
		if u, err := w.User(t.Context(), w.user.ID); err != nil || u.Enabled {
			t.Errorf("another change enables: %v", err)
		}
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"enabled": true})
		w.must(t, err)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Errorf("enabled again: %v", err)
		}
		never, err := w.CreateUser(t.Context(), keystone.Attributes{"name": "never", "password": "pw"})
		w.must(t, err)
		w.clock.now = w.clock.now.Add(3 * day)
		_, err = w.UpdateUser(t.Context(), never.ID, keystone.Attributes{"enabled": true})
		w.must(t, err)
		if u, err := w.User(t.Context(), never.ID); err != nil || !u.Enabled {
			t.Errorf("one who never logged in stays disabled: %v", err)
		}
		_, err = w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"ignore_user_inactivity": true}})
		w.must(t, err)
		w.clock.now = w.clock.now.Add(100 * day)
		if _, err := w.login(t.Context(), "pw"); err != nil {
			t.Errorf("exempt: %v", err)
		}
	})
}
