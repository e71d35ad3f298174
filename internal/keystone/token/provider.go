package token

import (
	"context"
	"errors"
)

// ErrInvalid is a token that the provider did not make, or that holds no payload we know.
var ErrInvalid = errors.New("not a recognizable token")

// Provider makes tokens of payloads and finds the payload of a token again.
type Provider interface {
	// Issue makes a token that says p. Dates in it are in whole seconds.
	Issue(ctx context.Context, p Payload) (string, error)
	// Read gives what a token says, whether expired or not; ErrInvalid if it is none of ours.
	Read(ctx context.Context, tok string) (Payload, error)
	// Generation moves when tokens that could be read may be unreadable now.
	Generation() (uint64, error)
	// Refusal is what the original says of a token that is ErrInvalid.
	Refusal(tok string) string
}

// Fernet is the provider whose tokens hold the payload, sealed with the keys of a repository.
type Fernet struct {
	keys    *Repository
	methods Methods
}

var _ Provider = Fernet{}

// NewFernet makes tokens with these keys for a cloud of these methods; nil is the default ones.
func NewFernet(keys *Repository, m Methods) Fernet {
	if m == nil {
		m = DefaultMethods
	}
	return Fernet{keys, m}
}

// Issue seals p as a token dated p.IssuedAt.
func (f Fernet) Issue(_ context.Context, p Payload) (string, error) {
	keys, err := f.keys.Keys()
	if err != nil {
		return "", err
	}
	msg, err := p.pack(f.methods)
	if err != nil {
		return "", err
	}
	return seal(msg, p.IssuedAt, keys[0])
}

// Read opens a token.
func (f Fernet) Read(_ context.Context, tok string) (Payload, error) {
	keys, err := f.keys.Keys()
	if err != nil {
		return Payload{}, err
	}
	msg, at, err := open(tok, keys)
	if err != nil {
		return Payload{}, err
	}
	p, err := unpack(msg, f.methods)
	p.IssuedAt = at
	return p, err
}

// Generation moves when the keys change.
func (f Fernet) Generation() (uint64, error) {
	_, generation, err := f.keys.current()
	return generation, err
}

// Refusal is the original's sentence.
func (Fernet) Refusal(string) string { return "Could not recognize Fernet token" }
