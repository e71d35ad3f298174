package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key is one Fernet key: 16 bytes to sign, 16 bytes to encrypt.
type Key [32]byte

// NewKey is a random key.
func NewKey() (k Key, err error) {
	_, err = rand.Read(k[:])
	return k, err
}

// ParseKey reads a key as it is kept in a file: URL-safe base64.
func ParseKey(s string) (k Key, err error) {
	b, err := base64.URLEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != len(k) {
		return k, errors.New("a Fernet key is 32 bytes in URL-safe base64")
	}
	copy(k[:], b)
	return k, nil
}

// String is the key as it is kept in a file.
func (k Key) String() string { return base64.URLEncoding.EncodeToString(k[:]) }

// The layout of an opened token: version, time, IV, ciphertext, signature.
const (
	fernetVersion = 0x80
	ivAt          = 9
	textAt        = ivAt + aes.BlockSize
	minLength     = textAt + aes.BlockSize + sha256.Size
	maxToken      = 8 << 10 // characters; the original's grow to some 250
)

// seal makes a token of msg, dated at (whole seconds).
func seal(msg []byte, at time.Time, k Key) (string, error) {
	pad := aes.BlockSize - len(msg)%aes.BlockSize
	out := make([]byte, textAt+len(msg)+pad, textAt+len(msg)+pad+sha256.Size)
	out[0] = fernetVersion
	binary.BigEndian.PutUint64(out[1:], uint64(at.Unix()))
	if _, err := rand.Read(out[ivAt:textAt]); err != nil {
		return "", fmt.Errorf("seal token: %w", err)
	}
	text := out[textAt:]
	copy(text, msg)
	for i := len(msg); i < len(text); i++ {
		text[i] = byte(pad)
	}
	block, err := aes.NewCipher(k[16:])
	if err != nil {
		return "", fmt.Errorf("seal token: %w", err)
	}
	cipher.NewCBCEncrypter(block, out[ivAt:textAt]).CryptBlocks(text, text)
	return base64.RawURLEncoding.EncodeToString(sign(out, k)), nil
}

// sign appends the signature of b.
func sign(b []byte, k Key) []byte {
	mac := hmac.New(sha256.New, k[:16])
	mac.Write(b)
	return mac.Sum(b)
}

// open gives what is in a token and when it was sealed, if one of keys fits.
func open(tok string, keys []Key) (msg []byte, at time.Time, err error) {
	if len(tok) > maxToken {
		return nil, at, ErrInvalid
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(tok, "="))
	if err != nil || len(b) < minLength || b[0] != fernetVersion || (len(b)-minLength)%aes.BlockSize != 0 {
		return nil, at, ErrInvalid
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	for _, k := range keys {
		if !hmac.Equal(sign(body[:len(body):len(body)], k)[len(body):], mac) {
			continue
		}
		seconds := binary.BigEndian.Uint64(b[1:])
		if seconds > maxTime {
			return nil, at, ErrInvalid
		}
		msg, err := decrypt(body, k)
		return msg, time.Unix(int64(seconds), 0).UTC(), err
	}
	return nil, at, ErrInvalid
}

// maxTime keeps dates within four digits of year.
const maxTime = 253402300799

func decrypt(body []byte, k Key) ([]byte, error) {
	block, err := aes.NewCipher(k[16:])
	if err != nil {
		return nil, fmt.Errorf("open token: %w", err)
	}
	text := body[textAt:]
	cipher.NewCBCDecrypter(block, body[ivAt:textAt]).CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, ErrInvalid
	}
	for _, p := range text[len(text)-pad:] {
		if int(p) != pad {
			return nil, ErrInvalid
		}
	}
	return text[:len(text)-pad], nil
}
