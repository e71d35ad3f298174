package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nacre/internal/oslo/jws"
)

// ErrAbsent is a key that a shelf does not hold, or not any more.
var ErrAbsent = errors.New("nothing is kept under that key")

// Shelf keeps what tokens say while they are of use.
type Shelf interface {
	// Put keeps text under key till until at least.
	Put(ctx context.Context, key string, text []byte, until time.Time) error
	// Get gives what is kept under key, or ErrAbsent.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Stored is the provider whose tokens are random and say nothing: what they
// stand for is on a shelf, under a hash, so that who reads the shelf has no token.
type Stored struct {
	shelf Shelf
	keep  time.Duration
}

var _ Provider = Stored{}

// NewStored keeps tokens on shelf until so long after they have expired.
func NewStored(shelf Shelf, keep time.Duration) Stored { return Stored{shelf, keep} }

// Issue makes a random token and puts p on the shelf.
func (s Stored) Issue(ctx context.Context, p Payload) (string, error) {
	if _, err := p.version(); err != nil {
		return "", err
	}
	text, err := json.Marshal(claimsOf(p))
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	tok := hex.EncodeToString(b[:])
	if err := s.shelf.Put(ctx, keyOf(tok), text, p.ExpiresAt.Add(s.keep)); err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return tok, nil
}

// Read takes what a token stands for from the shelf.
func (s Stored) Read(ctx context.Context, tok string) (Payload, error) {
	text, err := s.shelf.Get(ctx, keyOf(tok))
	if errors.Is(err, ErrAbsent) {
		return Payload{}, ErrInvalid
	} else if err != nil {
		return Payload{}, fmt.Errorf("read token: %w", err)
	}
	var c jws.Claims
	if err := json.Unmarshal(text, &c); err != nil {
		return Payload{}, fmt.Errorf("read token: %w", err)
	}
	return payloadOf(c)
}

// Generation stands still: there are no keys.
func (Stored) Generation() (uint64, error) { return 0, nil }

// Refusal is the original's sentence.
func (Stored) Refusal(tok string) string { return notFound(tok) }

func keyOf(tok string) string {
	sum := sha256.Sum256([]byte(tok))
	return hex.EncodeToString(sum[:])
}
