package token

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDecryptOriginal opens what Python's cryptography has sealed, and names
// its key as the original does.
func TestDecryptOriginal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "1"), []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRepository(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	const sealed = "gAAAAABTck4AAAAAAAAAAAAAAAAAAAAAAMllIyfKJLQ8tjIwT_f_vq1gsYcstamyrZADdhn8-ypZv6T9LPTS6Ad2ky1Bfv0kig=="
	if text, err := r.Decrypt(sealed); err != nil || text != `{"access": "a"}` {
		t.Errorf("%q %v", text, err)
	}
	if hash, err := r.PrimaryHash(); err != nil || hash != "86a1932a93c72239442f6cd6296f4eb28d8a1730" {
		t.Errorf("%s %v", hash, err)
	}
}

func TestEncrypt(t *testing.T) {
	r, err := OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "short", strings.Repeat("long ", 20000)} {
		sealed, hash, err := r.Encrypt(text, time.Now())
		if err != nil || len(sealed)%4 != 0 {
			t.Fatalf("%d characters, %v", len(sealed), err)
		}
		if primary, err := r.PrimaryHash(); err != nil || primary != hash {
			t.Errorf("%s, %s %v", hash, primary, err)
		}
		if got, err := r.Decrypt(sealed); err != nil || got != text {
			t.Errorf("%d characters, %v", len(got), err)
		}
		middle := len(sealed) / 2
		tampered := sealed[:middle] + strings.Map(func(c rune) rune { return map[bool]rune{true: 'B', false: 'A'}[c == 'A'] }, sealed[middle:middle+1]) + sealed[middle+1:]
		for name, bad := range map[string]string{"tampered": tampered, "cut": sealed[:middle], "text": "x%"} {
			if got, err := r.Decrypt(bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
		if got, err := other.Decrypt(sealed); !errors.Is(err, ErrInvalid) {
			t.Errorf("by other keys: %q %v", got, err)
		}
	}
}

// TestInnerMethods shows that a token remembers ways to it that the original
// does not read, whatever the methods of the cloud are.
func TestInnerMethods(t *testing.T) {
	for _, m := range []Methods{DefaultMethods, {"password"}} {
		bits := m.bits([]string{"ec2credential", "password"})
		if got := m.names(bits); !slices.Equal(got, []string{"ec2credential", "password"}) {
			t.Errorf("%v: %v", m, got)
		}
		if got := m.bits([]string{"oauth2_credential"}); !slices.Equal(m.names(got), []string{"oauth2_credential"}) {
			t.Errorf("%v: %b", m, got)
		}
	}
}
