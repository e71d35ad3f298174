package service

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // what RFC 6238 and authenticators use
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

const (
	passcodePeriod = 30 // seconds
	passcodeDigits = 6
	minSecret      = 16 // bytes; the original takes no shorter one
)

// proveTOTP proves the user who has the device that makes passcodes from a
// secret kept here too. Each passcode is good once. Users who do not exist, are
// disabled or have no device are looked up and compared with all the same.
func (s *Service) proveTOTP(ctx context.Context, given keystone.TOTPProof, p *proof) error {
	u, reason := s.findUser(ctx, given.User)
	if reason != nil && !errors.Is(reason, db.ErrNoRow) {
		return reason
	}
	p.claimed = u
	d, err := s.store.Project(ctx, u.DomainID)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return err
	}
	credentials, err := s.credentialsOf(ctx, u.ID, keystone.CredentialTOTP)
	if err != nil {
		return err
	}
	if len(credentials) == 0 {
		if credentials, err = s.noDevice(); err != nil {
			return err
		}
	}
	for _, c := range credentials {
		step, ok := s.passcodeStep(c.Blob, given.Passcode)
		if !ok || reason != nil || !d.Enabled || !u.Enabled || c.ID == "" {
			continue
		}
		if fresh, err := s.store.UsePasscode(ctx, c.ID, step); err != nil {
			return err
		} else if fresh {
			return p.is(u)
		}
	}
	return unauthorized("user %q: %v; enabled: %v, domain: %v; or no passcode that was not used", u.ID, reason, u.Enabled, d.Enabled)
}

// noDevice is a secret that nobody has, sealed and opened again, for one who has none.
func (s *Service) noDevice() ([]keystone.Credential, error) {
	c, err := s.sealed(keystone.Credential{Blob: nobodysSecret})
	if err == nil {
		c, err = s.unsealed(c)
	}
	return []keystone.Credential{c}, err
}

var nobodysSecret = base32.StdEncoding.EncodeToString([]byte(rand.Text())) // longer than minSecret

// passcodeStep is the time step, now or a few before, that a secret gives the passcode in.
func (s *Service) passcodeStep(secret, passcode string) (int64, bool) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(secret, "="))
	if err != nil || len(key) < minSecret {
		return 0, false
	}
	now := s.clock.Now().Unix() / passcodePeriod
	for step := now; step > now-int64(s.cfg.PasscodeWindows); step-- {
		if s.samePasscode([]byte(passcodeAt(key, step)), []byte(passcode)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// passcodeAt is the passcode of a time step: RFC 6238 with SHA-1 and six digits.
func passcodeAt(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & (1<<31 - 1)
	return fmt.Sprintf("%0*d", passcodeDigits, n%1e6)
}
