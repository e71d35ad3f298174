package token

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Encrypt seals a text that is kept for long, and names the key that did it,
// so that the key can be told when it is no longer needed.
func (r *Repository) Encrypt(text string, now time.Time) (sealed, keyHash string, err error) {
	keys, err := r.Keys()
	if err != nil {
		return "", "", err
	}
	sealed, err = seal([]byte(text), now, keys[0])
	if pad := len(sealed) % 4; pad > 0 {
		sealed += strings.Repeat("=", 4-pad)
	}
	return sealed, keys[0].hash(), err
}

// PrimaryHash names the key that Encrypt uses.
func (r *Repository) PrimaryHash() (string, error) {
	keys, err := r.Keys()
	if err != nil {
		return "", err
	}
	return keys[0].hash(), nil
}

// hash names a key as the original does.
func (k Key) hash() string {
	sum := sha1.Sum([]byte(k.String()))
	return hex.EncodeToString(sum[:])
}

// Decrypt opens what Encrypt has sealed, of any size and age; ErrInvalid if no key fits.
func (r *Repository) Decrypt(sealed string) (string, error) {
	keys, err := r.Keys()
	if err != nil {
		return "", err
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(sealed, "="))
	if err != nil || len(b) < minLength || b[0] != fernetVersion || (len(b)-minLength)%aes.BlockSize != 0 {
		return "", fmt.Errorf("decrypt: %w", ErrInvalid)
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	for _, k := range keys {
		if hmac.Equal(sign(body[:len(body):len(body)], k)[len(body):], mac) {
			text, err := decrypt(body, k)
			return string(text), err
		}
	}
	return "", fmt.Errorf("decrypt: %w", ErrInvalid)
}
