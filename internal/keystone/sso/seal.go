package sso

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// errSeal is what has not been sealed here, or for something else, or too long ago.
var errSeal = errors.New("not sealed here, or expired")

// maxSealed bounds what a sealed text may unfold to.
const maxSealed = 256 << 10

// sealer hides and signs what goes through a browser. Replicas share its key.
type sealer struct{ aead cipher.AEAD }

// newSealer takes 32 bytes.
func newSealer(key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead}, err
}

type sealed struct {
	Ends  time.Time       `json:"e"`
	Value json.RawMessage `json:"v"`
}

// seal makes a text of v that only open with the same purpose reads, until then.
func (s *sealer) seal(purpose string, v any, ends time.Time) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(sealed{ends, value})
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression)
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, packed.Bytes(), []byte(purpose))), nil
}

func (s *sealer) open(purpose, text string, now time.Time, v any) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return errSeal
	}
	packed, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], []byte(purpose))
	if err != nil {
		return errSeal
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxSealed))
	if err != nil {
		return fmt.Errorf("%w: %w", errSeal, err)
	}
	var box sealed
	if err := json.Unmarshal(plain, &box); err != nil || !now.Before(box.Ends) {
		return errSeal
	}
	return json.Unmarshal(box.Value, v)
}
