package token

import (
	"context"
	"errors"

	"nacre/internal/oslo/jws"
)

// JWS is the provider whose tokens hold the payload in the clear, signed so
// that others can tell that they are genuine.
type JWS struct{ keys *jws.Keys }

var _ Provider = JWS{}

// NewJWS makes tokens with these keys.
func NewJWS(keys *jws.Keys) JWS { return JWS{keys} }

// Issue signs p.
func (j JWS) Issue(_ context.Context, p Payload) (string, error) {
	if _, err := p.version(); err != nil {
		return "", err
	}
	return j.keys.Sign(claimsOf(p))
}

// Read verifies a token and gives what it says.
func (j JWS) Read(_ context.Context, tok string) (Payload, error) {
	c, err := j.keys.Verify(tok)
	if errors.Is(err, jws.ErrInvalid) {
		return Payload{}, ErrInvalid
	} else if err != nil {
		return Payload{}, err
	}
	return payloadOf(c)
}

// Generation moves when the public keys change.
func (j JWS) Generation() (uint64, error) { return j.keys.Generation() }

// Refusal is the original's sentence.
func (JWS) Refusal(tok string) string { return notFound(tok) }

func notFound(tok string) string { return "Could not find token: " + tok + "." }
