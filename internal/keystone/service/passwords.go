package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"nacre/internal/oslo/fault"
)

// hasher makes and compares bcrypt hashes, few at a time: one takes a quarter
// of a second of CPU, and logins must not starve other calls.
type hasher struct {
	slots  chan struct{}
	cost   int
	max    int    // bytes of a password
	nobody string // a hash of no password, compared when there is no user

	compare func(hash, password []byte) error // compareHash
}

func newHasher(c Config) *hasher {
	return &hasher{slots: make(chan struct{}, c.Hashers), cost: c.PasswordHashRounds, max: c.MaxPasswordLength,
		compare: compareHash,
		nobody:  fmt.Sprintf("$2b$%02d$%s%s", c.PasswordHashRounds, strings.Repeat("e", 22), rand.Text()+"aaaaa")}
}

// run waits for a slot and calls fn in it.
func (h *hasher) run(ctx context.Context, fn func() error) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-h.slots }()
	return fn()
}

// Hash is the bcrypt hash of a password, in the original's spelling.
func (h *hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	if len(password) > h.max {
		return "", fault.Forbidden("The password length must be less than or equal to %d. The server could not comply with the request because the password is invalid.", h.max)
	}
	err = h.run(ctx, func() error {
		b, err := bcrypt.GenerateFromPassword(cut([]byte(password)), h.cost)
		hash = strings.Replace(string(b), "$2a$", "$2b$", 1)
		return err
	})
	return hash, err
}

// Matches compares a password with a hash. Without a hash of a known kind it is false, after the same time.
func (h *hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	known := hashKinds[hashKind(hash)] != nil && password != "" && len(password) <= h.max
	if !known {
		hash = h.nobody
	}
	var wrong error
	if err := h.run(ctx, func() error {
		wrong = h.compare([]byte(hash), []byte(password))
		return nil
	}); err != nil {
		return false, err
	}
	if wrong != nil && !errors.Is(wrong, bcrypt.ErrMismatchedHashAndPassword) {
		return false, fmt.Errorf("compare password: %w", wrong)
	}
	return known && wrong == nil, nil
}
