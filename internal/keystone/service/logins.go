package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// The options of users that exempt from [security_compliance].
const (
	ignoreExpiry     = "ignore_password_expiry"
	ignoreFirstUse   = "ignore_change_password_upon_first_use"
	ignoreLockout    = "ignore_lockout_failure_attempts"
	ignoreInactivity = "ignore_user_inactivity"
	lockPassword     = "lock_password"
)

// userWithPassword is the user with that password, expired or not, or 401 and
// the user in question, always after one comparison of hashes. An unknown user, a wrong password and a
// locked user are not to be told apart.
func (s *Service) userWithPassword(ctx context.Context, ref keystone.Ref, password string) (keystone.User, error) {
	u, reason := s.findUser(ctx, ref)
	if reason != nil && !errors.Is(reason, db.ErrNoRow) {
		return u, reason
	}
	d, err := s.store.Project(ctx, u.DomainID)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return u, err
	}
	proving := u
	proving.Enabled = u.Enabled && d.Enabled
	refused := s.identities.Authenticate(ctx, proving, password)
	switch {
	case refused != nil && !errors.Is(refused, identity.ErrRefused):
		return u, refused
	case reason != nil:
		return u, unauthorized("Could not find user: %s.", cmp.Or(ref.Name, ref.ID))
	case refused != nil:
		return u, unauthorized("wrong password for user %s: %w", u.ID, refused)
	case !d.Enabled:
		return u, unauthorized("domain %s of user %s is disabled", u.DomainID, u.ID)
	case !u.Enabled:
		return u, unauthorized("user %s is disabled", u.ID)
	}
	if s.cfg.Compliance.DisableUserDaysInactive > 0 {
		if err := s.store.NoteActive(ctx, u.ID, s.clock.Now()); err != nil {
			return u, err
		}
	}
	return u, nil
}

// nobody has the row that is written for users who do not exist, are locked or disabled,
// so that all failures take the same time.
const nobody = ""

// countLogin counts failed logins and refuses a user who had too many, also
// the one with the right password. It comes after the comparison, so that of
// many guesses made at once no more than the limit are ever answered: a success
// counts only if fewer failures were counted before it. The right password of a
// user who is disabled changes nothing, and is refused as late as a wrong one:
// a guesser is not to see which it was.
func (s *Service) countLogin(ctx context.Context, u keystone.User, ok bool) error {
	c := s.cfg.Compliance
	if c.LockoutFailureAttempts == 0 {
		return nil
	}
	now, forgotten := s.forgotten()
	login, err := s.store.Login(ctx, u.ID)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return fmt.Errorf("login of %s: %w", u.ID, err)
	}
	locked := u.ID != "" && login.Failures >= c.LockoutFailureAttempts && login.FailedAt != nil && login.FailedAt.After(forgotten) && !u.Option(ignoreLockout)
	switch {
	case locked:
		if err := s.store.CountFailure(ctx, nobody, now, forgotten, c.LockoutFailureAttempts); err != nil {
			return err
		}
		return unauthorized("The account is locked for user: %s.", u.ID)
	case !ok:
		return s.store.CountFailure(ctx, u.ID, now, forgotten, c.LockoutFailureAttempts)
	case !u.Enabled:
		return s.store.CountFailure(ctx, nobody, now, forgotten, c.LockoutFailureAttempts)
	case login.Failures == 0:
		return nil
	}
	limit := c.LockoutFailureAttempts
	if u.Option(ignoreLockout) {
		limit = login.Failures + 1<<20
	}
	forgiven, err := s.store.ForgetFailures(ctx, u.ID, forgotten, limit)
	if err == nil && !forgiven {
		err = unauthorized("user %s was locked meanwhile", u.ID)
	}
	return err
}

// forgotten is now, and when failures of before count no more.
func (s *Service) forgotten() (now, before time.Time) {
	now = s.clock.Now()
	if s.cfg.Compliance.LockoutDuration > 0 {
		return now, now.Add(-s.cfg.Compliance.LockoutDuration)
	}
	return now, time.Unix(0, 0)
}

// notExpired refuses a password that must be changed first.
func (s *Service) notExpired(u keystone.User) error {
	if u.PasswordExpires == nil || u.Option(ignoreExpiry) || s.clock.Now().Before(*u.PasswordExpires) {
		return nil
	}
	return fault.Unauthorized("The password is expired and needs to be changed for user: %s.", u.ID)
}

// withActivity disables those of users who have been away too long.
func (s *Service) withActivity(ctx context.Context, users []keystone.User) ([]keystone.User, error) {
	days := s.cfg.Compliance.DisableUserDaysInactive
	if days == 0 || len(users) == 0 {
		return users, nil
	}
	var ids []string
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	rows, err := s.store.Logins(ctx, ids)
	if err != nil {
		return nil, err
	}
	logins := index(rows, func(l keystone.Login) string { return l.UserID })
	users = slices.Clone(users)
	for i, u := range users {
		last := u.CreatedAt
		if active := logins[u.ID].ActiveAt; active != nil {
			last = *active
		}
		if daysBetween(last, s.clock.Now()) >= days && !u.Option(ignoreInactivity) {
			users[i].Enabled = false
		}
	}
	return users, nil
}

// daysBetween counts midnights.
func daysBetween(from, to time.Time) int {
	const day = 24 * time.Hour
	return int(to.UTC().Truncate(day).Sub(from.UTC().Truncate(day)) / day)
}

// admit forgets the failed logins of a user whom an administrator changes, and
// the absence of one whom an administrator enables.
func (s *Service) admit(ctx context.Context, tx *store.Tx, u keystone.User, a keystone.Attributes) error {
	switch {
	case a["enabled"] == true:
		return tx.Activate(ctx, u.ID, s.clock.Now())
	case u.Enabled:
		return tx.Unlock(ctx, u.ID)
	}
	return nil
}
