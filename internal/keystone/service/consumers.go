package service

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var consumerAttributes = []string{"id", "description", "secret", "links"}

// noRow turns ErrNoRow into the original's 404 for what OAuth 1.0 knows.
func noRow(err error, what string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("%s not found", what)
	}
	return err
}

// Consumer is a consumer, or 404.
func (s *Service) Consumer(ctx context.Context, id string) (keystone.Consumer, error) {
	c, err := s.store.Consumer(ctx, id)
	return c, noRow(err, "Consumer")
}

// Consumers lists all consumers.
func (s *Service) Consumers(ctx context.Context) ([]keystone.Consumer, error) {
	return s.store.Consumers(ctx)
}

// CreateConsumer makes a consumer with a secret of its own.
func (s *Service) CreateConsumer(ctx context.Context, a keystone.Attributes) (keystone.Consumer, error) {
	c := keystone.Consumer{ID: uuid.Hex(), Secret: uuid.Hex()}
	applyConsumer(&c, a.Normalized())
	return c, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "OS-OAUTH1:consumer", created, c.ID)
		return tx.InsertConsumer(ctx, c)
	})
}

func applyConsumer(c *keystone.Consumer, a keystone.Attributes) {
	if a.Has("description") {
		c.Description = nil
		if text, ok := a["description"].(string); ok {
			c.Description = &text
		}
	}
	a.MergeExtra(&c.Extra, consumerAttributes...)
}

// UpdateConsumer changes a consumer; never its secret.
func (s *Service) UpdateConsumer(ctx context.Context, id string, a keystone.Attributes) (keystone.Consumer, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Consumer, error) {
		c, err := tx.Consumer(ctx, id)
		if err := firstError(noRow(err, "Consumer"), sameID(a, id)); err != nil {
			return c, err
		}
		applyConsumer(&c, a.Normalized())
		s.notify(ctx, tx, "OS-OAUTH1:consumer", updated, id)
		return c, tx.UpdateConsumer(ctx, c)
	})
}

// DeleteConsumer removes a consumer with all that users have granted it.
func (s *Service) DeleteConsumer(ctx context.Context, id string) error {
	return noRow(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revoke(ctx, tx, keystone.Revocation{ConsumerID: id}); err != nil {
			return err
		}
		s.notify(ctx, tx, "OS-OAUTH1:consumer", deleted, id)
		return tx.DeleteConsumer(ctx, id)
	}), "Consumer")
}

// verifierLetters are those of verifiers, which people may have to type: none
// that look alike.
const verifierLetters = "abcdefghkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func newVerifier() string {
	b := make([]byte, 8)
	for i := range b {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(verifierLetters)))) // it never fails
		b[i] = verifierLetters[n.Int64()]
	}
	return string(b)
}
