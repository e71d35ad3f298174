package service

import (
	"context"
	"errors"
	"fmt"

	"nacre/internal/nova"
	"nacre/internal/nova/sshkey"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Keypairs returns one page of a user's keypairs.
func (s *Service) Keypairs(ctx context.Context, userID string, p db.Page) ([]nova.Keypair, error) {
	found, err := s.store.Keypairs(ctx, userID, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("Marker %s could not be found.", p.Marker)
	}
	return found, err
}

// Keypair returns a user's keypair.
func (s *Service) Keypair(ctx context.Context, userID, name string) (nova.Keypair, error) {
	k, err := s.store.Keypair(ctx, userID, name)
	return k, noKeypair(userID, name, err)
}

// DeleteKeypair removes a user's keypair; servers keep the key they were built with.
func (s *Service) DeleteKeypair(ctx context.Context, userID, name string) error {
	return noKeypair(userID, name, s.store.DeleteKeypair(ctx, userID, name))
}

func noKeypair(userID, name string, err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Keypair %s not found for user %s", name, userID)
	}
	return err
}

// ImportKeypair records k, whose PublicKey is the user's own.
func (s *Service) ImportKeypair(ctx context.Context, k nova.Keypair) (nova.Keypair, error) {
	fingerprint := sshkey.Fingerprint
	if k.Type == nova.KeypairX509 {
		fingerprint = sshkey.CertificateFingerprint
	}
	var err error
	if k.Fingerprint, err = fingerprint(k.PublicKey); err != nil {
		return k, fault.BadRequest("Keypair data is invalid: %s", err)
	}
	return s.addKeypair(ctx, k)
}

// GenerateKeypair makes k a new key and returns the private one, which is kept nowhere.
func (s *Service) GenerateKeypair(ctx context.Context, k nova.Keypair) (_ nova.Keypair, private string, err error) {
	generate := sshkey.Generate
	if k.Type == nova.KeypairX509 {
		generate = func() (sshkey.Pair, error) { return sshkey.GenerateCertificate(k.UserID, s.clock.Now()) }
	}
	pair, err := generate()
	if err != nil {
		return k, "", fmt.Errorf("generate keypair: %w", err)
	}
	k.PublicKey, k.Fingerprint = pair.Public, pair.Fingerprint
	k, err = s.addKeypair(ctx, k)
	return k, pair.Private, err
}

// addKeypair writes k if its user may have one more.
func (s *Service) addKeypair(ctx context.Context, k nova.Keypair) (nova.Keypair, error) {
	limits, err := s.store.Limits(ctx, auth.Caller(ctx).ProjectID, k.UserID)
	if err != nil {
		return k, fmt.Errorf("limit of keypairs: %w", err)
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.AddKeypair(ctx, &k, func(have int) error {
			if !limits.Allows(nova.QuotaKeyPairs, have, 1) {
				return fault.Forbidden("Quota exceeded, too many key pairs.")
			}
			return nil
		})
	})
	if errors.Is(err, db.ErrDuplicate) {
		return k, fault.Conflict("Key pair '%s' already exists.", k.Name)
	}
	return k, err
}
