package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// pattern is what new passwords must match.
type pattern struct {
	re     *regexp2.Regexp // nil matches nothing: the option makes no sense
	advice string
}

// passwordPattern reads [security_compliance] password_regex, which is Python's.
func passwordPattern(c Compliance) (*pattern, error) {
	if c.PasswordRegex == "" {
		return nil, nil
	}
	re, err := regexp2.Compile(`\A(?:`+strings.NewReplacer("(?P<", "(?<").Replace(c.PasswordRegex)+`)`, regexp2.None)
	if err != nil {
		return &pattern{}, fmt.Errorf("password_regex: %w", err)
	}
	re.MatchTimeout = time.Second
	return &pattern{re, c.PasswordRegexDescription}, nil
}

// Check reports what is wrong with the options.
func (c Compliance) Check() error {
	_, err := passwordPattern(c)
	if c.MinimumPasswordAge > 0 && c.PasswordExpiresDays > 0 && c.MinimumPasswordAge >= c.PasswordExpiresDays {
		err = errors.Join(err, errors.New("minimum_password_age must be less than password_expires_days"))
	}
	return err
}

// fits refuses a password that does not match.
func (p *pattern) fits(password any) error {
	if p == nil {
		return nil
	}
	text, ok := password.(string)
	if !ok {
		return fault.BadRequest("Password validation error: Password must be a string type.")
	}
	if p.re == nil {
		return fault.BadRequest("Password validation error: Unable to validate password due to invalid configuration.")
	}
	if ok, err := p.re.MatchString(text); err != nil || !ok {
		return fault.BadRequest("The password does not match the requirements: %s.", p.advice).Cause(err)
	}
	return nil
}

// newPassword is one that a client gave, hashed: that takes long, so it is done
// outside of transactions.
type newPassword struct {
	given bool
	hash  string // "" for null
}

func (s *Service) passwordIn(ctx context.Context, a keystone.Attributes) (p newPassword, err error) {
	if p.given = a.Has("password"); !p.given {
		return p, nil
	}
	if err := s.pattern.fits(a["password"]); err != nil || a["password"] == nil {
		return p, err
	}
	p.hash, err = s.hasher.Hash(ctx, a.Text("password"))
	return p, err
}

// setPassword gives a user, whose row is written after it, a new password.
func (s *Service) setPassword(ctx context.Context, tx *store.Tx, u *keystone.User, hash string, own bool) error {
	c, now := s.cfg.Compliance, s.clock.Now()
	u.PasswordHash, u.PasswordExpires = hash, nil
	if c.PasswordExpiresDays > 0 && !u.Option(ignoreExpiry) {
		at := now.AddDate(0, 0, c.PasswordExpiresDays).Truncate(time.Second)
		u.PasswordExpires = &at
	}
	if !own && c.ChangePasswordFirst && !u.Option(ignoreFirstUse) {
		u.PasswordExpires = &now
	}
	return tx.AddPassword(ctx, keystone.Password{ID: uuid.Hex(), UserID: u.ID, Hash: hash, CreatedAt: now, ExpiresAt: u.PasswordExpires, SelfService: own},
		max(c.UniqueLastPasswords, 1))
}

// ChangePassword sets a new password for one who knows the old, even if that
// has expired. It is 401 for an unknown user and a wrong password alike, and
// revokes the user's tokens.
func (s *Service) ChangePassword(ctx context.Context, id, original, password string) error {
	u, err := s.userWithPassword(ctx, keystone.Ref{ID: id}, original)
	s.notifyLogin(ctx, u, nil, err)
	if err != nil {
		return err
	}
	if err := firstError(s.pattern.fits(password), s.mayChange(ctx, u), s.notUsedBefore(ctx, u, password)); err != nil {
		return err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := userIn(ctx, tx, id)
		if err != nil {
			return asUnauthorized(err)
		}
		if now.PasswordHash != u.PasswordHash {
			return unauthorized("the password of user %s has changed meanwhile", id)
		}
		if err := s.setPassword(ctx, tx, &now, hash, true); err != nil {
			return err
		}
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
			return err
		}
		s.notify(ctx, tx, "user", updated, id)
		return tx.UpdateUser(ctx, now)
	})
}

// mayChange refuses a user who may not change the password, or not yet.
func (s *Service) mayChange(ctx context.Context, u keystone.User) error {
	if u.Nonlocal {
		return errReadOnly()
	}
	if u.Option(lockPassword) {
		return fault.BadRequest("You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.")
	}
	days := s.cfg.Compliance.MinimumPasswordAge
	if days == 0 {
		return nil
	}
	had, err := s.store.Passwords(ctx, u.ID)
	if err != nil || len(had) == 0 || !had[0].SelfService || had[0].Hash != u.PasswordHash {
		return err
	}
	left := had[0].CreatedAt.AddDate(0, 0, days).Sub(s.clock.Now())
	if left <= 0 {
		return nil
	}
	return fault.BadRequest("You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for %d day(s) before it can be changed. Please try again in %d day(s) or contact your administrator to reset your password.",
		days, int(left/(24*time.Hour)))
}

// notUsedBefore refuses one of the user's last passwords.
func (s *Service) notUsedBefore(ctx context.Context, u keystone.User, password string) error {
	unique := s.cfg.Compliance.UniqueLastPasswords
	if unique == 0 {
		return nil
	}
	hashes := []string{u.PasswordHash}
	had, err := s.store.Passwords(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, p := range had {
		if p.Hash != u.PasswordHash && p.Hash != "" {
			hashes = append(hashes, p.Hash)
		}
	}
	for _, hash := range hashes[:min(unique, len(hashes))] {
		same, err := s.hasher.Matches(ctx, hash, password)
		if err != nil {
			return err
		}
		if same {
			return fault.BadRequest("The new password cannot be identical to a previous password. The total number which includes the new password must be unique is %d.", unique)
		}
	}
	return nil
}
