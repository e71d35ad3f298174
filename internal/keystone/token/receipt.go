package token

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Receipt says which methods of authentication a user has passed, when they
// are not enough for a token yet.
type Receipt struct {
	UserID    string
	Methods   []string
	ExpiresAt time.Time
	IssuedAt  time.Time // whole seconds, part of the seal
}

// Receipts makes and reads receipts, sealed as Fernet tokens are. They have
// keys of their own, so that neither can be taken for the other.
type Receipts struct {
	keys    *Repository
	methods Methods
}

// NewReceipts makes receipts with these keys for a cloud of these methods; nil is the default ones.
func NewReceipts(keys *Repository, m Methods) Receipts {
	if m == nil {
		m = DefaultMethods
	}
	return Receipts{keys, m}
}

// Issue seals r, dated r.IssuedAt.
func (f Receipts) Issue(r Receipt) (string, error) {
	keys, err := f.keys.Keys()
	if err != nil {
		return "", err
	}
	msg, err := r.pack(f.methods)
	if err != nil {
		return "", err
	}
	return seal(msg, r.IssuedAt, keys[0])
}

// Read opens a receipt, whether expired or not; ErrInvalid if it is none of ours.
func (f Receipts) Read(text string) (Receipt, error) {
	keys, err := f.keys.Keys()
	if err != nil {
		return Receipt{}, err
	}
	msg, at, err := open(text, keys)
	if err != nil {
		return Receipt{}, err
	}
	r, err := unpackReceipt(msg, f.methods)
	r.IssuedAt = at
	return r, err
}

func (r Receipt) pack(m Methods) ([]byte, error) {
	var buf bytes.Buffer
	w := newWriter(&buf, m)
	w.array(3)
	w.id(r.UserID)
	w.int(m.bits(r.Methods))
	w.time(r.ExpiresAt)
	if w.err != nil {
		return nil, fmt.Errorf("pack receipt: %w", w.err)
	}
	return buf.Bytes(), nil
}

func unpackReceipt(b []byte, m Methods) (Receipt, error) {
	r := &reader{d: msgpack.NewDecoder(bytes.NewReader(b)), left: len(b), methods: m}
	if r.array() != 3 {
		return Receipt{}, ErrInvalid
	}
	rec := Receipt{UserID: r.id(), Methods: m.names(r.int()), ExpiresAt: r.time()}
	if r.bad || rec.UserID == "" {
		return Receipt{}, ErrInvalid
	}
	return rec, nil
}
