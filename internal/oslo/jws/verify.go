package jws

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"nacre/internal/oslo/config"
)

// ErrInvalid is a token that none of the keys signed or that says nothing we know.
var ErrInvalid = errors.New("not a recognizable JWS token")

// maxToken is the most characters of a token; the original's grow to some 800.
const maxToken = 16 << 10

// Verifier tells genuine tokens by the public keys in a directory.
type Verifier struct {
	dir    string
	parser *jwt.Parser

	mu   sync.Mutex
	seen time.Time // modification time of dir that keys were read at; zero if it may not tell of the next change
	keys []*ecdsa.PublicKey

	generation uint64 // how often keys have changed
}

// NewVerifier uses the public keys in dir, read again when the directory has changed.
func NewVerifier(dir string) *Verifier {
	return &Verifier{dir: dir, parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}))}
}

// Verify gives what a genuine token says, whether expired or not; else ErrInvalid.
func (v *Verifier) Verify(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, ErrInvalid
	}
	keys, _, err := v.publicKeys()
	if err != nil {
		return Claims{}, err
	}
	for _, key := range keys {
		var c Claims
		if _, err := v.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }); err == nil {
			return c, nil
		} else if !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			break
		}
	}
	return Claims{}, ErrInvalid
}

// Generation moves when the keys have changed.
func (v *Verifier) Generation() (uint64, error) {
	_, generation, err := v.publicKeys()
	return generation, err
}

func (v *Verifier) publicKeys() ([]*ecdsa.PublicKey, uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st, err := os.Stat(v.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("jws keys: %w", err)
	}
	if v.keys != nil && st.ModTime().Equal(v.seen) {
		return v.keys, v.generation, nil
	}
	settled := config.Settled(st.ModTime())
	keys, err := readPublic(v.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("jws keys: %w", err)
	}
	if !slices.EqualFunc(keys, v.keys, func(a, b *ecdsa.PublicKey) bool { return a.Equal(b) }) {
		v.keys = keys
		v.generation++
	}
	if v.seen = (time.Time{}); settled {
		v.seen = st.ModTime()
	}
	return v.keys, v.generation, nil
}

// readPublic reads all keys, again from the start if one was renamed meanwhile.
func readPublic(dir string) (keys []*ecdsa.PublicKey, err error) {
	for range 3 {
		if keys, err = readPublicOnce(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("%s holds no public key", dir)
	}
	return keys, err
}

func readPublicOnce(dir string) (keys []*ecdsa.PublicKey, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		key, err := jwt.ParseECPublicKeyFromPEM(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, err
}
