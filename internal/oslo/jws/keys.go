package jws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"nacre/internal/oslo/config"
)

// Keys sign tokens and verify them.
type Keys struct {
	*Verifier
	private, public string // directories

	mu   sync.Mutex
	seen time.Time // modification time of private that key was read at; zero if it may not tell of the next change
	key  *ecdsa.PrivateKey
}

// The files of private keys.
const (
	current = "private.pem"
	next    = "next.pem"
)

// Open uses the keys in the directories private and public below dir. What is
// missing of them is made.
func Open(dir string) (*Keys, error) {
	k := &Keys{private: filepath.Join(dir, "private"), public: filepath.Join(dir, "public")}
	k.Verifier = NewVerifier(k.public)
	for sub, mode := range map[string]os.FileMode{k.private: 0o700, k.public: 0o755} {
		if err := os.MkdirAll(sub, mode); err != nil {
			return nil, fmt.Errorf("jws keys: %w", err)
		}
	}
	for _, name := range []string{current, next} {
		if err := k.ensure(name); err != nil {
			return nil, fmt.Errorf("jws keys: %w", err)
		}
	}
	_, err := k.privateKey()
	return k, err
}

// ensure makes a pair of keys unless the private one is there. The public one
// is written first: nothing is signed that nobody can verify.
func (k *Keys) ensure(name string) error {
	path := filepath.Join(k.private, name)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := k.publish(&key.PublicKey); err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", secret, 0o600)
}

// publish writes the public key into a file that is called after it.
func (k *Keys) publish(key *ecdsa.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	return writePEM(k.publicPath(der), "PUBLIC KEY", der, 0o644)
}

func (k *Keys) publicPath(der []byte) string {
	sum := sha256.Sum256(der)
	return filepath.Join(k.public, hex.EncodeToString(sum[:8])+".pem")
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// DefaultRetired is how many keys that sign no more are kept to verify by.
const DefaultRetired = 2

// retiredSuffix ends the name of a public key of ours that signs no more. Keys
// that others put there have no such name and are left alone.
const retiredSuffix = ".retired.pem"

// Rotate brings the next key into use, makes another next one and forgets all
// but so many retired public keys. Tokens signed with a forgotten key are
// invalid, so rotate no more often than retired token lifetimes; and copy the
// public keys to whoever verifies before the next rotation.
func (k *Keys) Rotate(retired int) error {
	if retired < 1 {
		return errors.New("rotate jws keys: the key in use until now must be kept")
	}
	old, err := k.privateKey()
	if err == nil {
		err = k.ensure(next)
	}
	if err == nil {
		err = os.Rename(filepath.Join(k.private, next), filepath.Join(k.private, current))
	}
	if err == nil {
		err = errors.Join(k.ensure(next), k.retire(&old.PublicKey), k.prune(retired))
	}
	if err != nil {
		return fmt.Errorf("rotate jws keys: %w", err)
	}
	return nil
}

// retire gives the public key the name of one that signs no more.
func (k *Keys) retire(key *ecdsa.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	path := k.publicPath(der)
	retired, now := strings.TrimSuffix(path, ".pem")+retiredSuffix, time.Now()
	err = writePEM(retired, "PUBLIC KEY", der, 0o644)
	if err == nil {
		err = os.Chtimes(retired, now, now) // by which they are forgotten in turn; the kernel's time is that of its last tick
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// prune leaves the keys that were retired last.
func (k *Keys) prune(keep int) error {
	files, err := filepath.Glob(filepath.Join(k.public, "*"+retiredSuffix))
	if err != nil {
		return err
	}
	retired := map[string]time.Time{}
	for _, file := range files {
		st, err := os.Stat(file)
		if err != nil {
			return err
		}
		retired[file] = st.ModTime()
	}
	slices.SortFunc(files, func(a, b string) int { return retired[b].Compare(retired[a]) })
	for _, old := range files[min(keep, len(files)):] {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return nil
}

// privateKey is the key that signs, read again when the directory has changed.
func (k *Keys) privateKey() (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	st, err := os.Stat(k.private)
	if err != nil {
		return nil, fmt.Errorf("jws keys: %w", err)
	}
	if k.key != nil && st.ModTime().Equal(k.seen) {
		return k.key, nil
	}
	settled := config.Settled(st.ModTime())
	text, err := os.ReadFile(filepath.Join(k.private, current))
	if err != nil {
		return nil, fmt.Errorf("jws keys: %w", err)
	}
	key, err := jwt.ParseECPrivateKeyFromPEM(text)
	if err != nil {
		return nil, fmt.Errorf("jws keys: %s: %w", filepath.Join(k.private, current), err)
	}
	if k.key, k.seen = key, (time.Time{}); settled {
		k.seen = st.ModTime()
	}
	return key, nil
}

// Sign makes the token that says c.
func (k *Keys) Sign(c Claims) (string, error) {
	key, err := k.privateKey()
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodES256, c).SignedString(key)
}
