package token_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"nacre/internal/keystone/token"
	"nacre/internal/oslo/jws"
)

// rotating is a provider of tokens on a directory of keys, and how they are rotated.
type rotating struct {
	token.Provider
	rotate func() error
}

var rotatingProviders = map[string]func(dir string) (rotating, error){
	"fernet": func(dir string) (rotating, error) {
		keys, err := token.OpenRepository(dir, 0)
		return rotating{token.NewFernet(keys, nil), keys.Rotate}, err
	},
	"jws": func(dir string) (rotating, error) {
		keys, err := jws.Open(dir)
		return rotating{token.NewJWS(keys), func() error { return keys.Rotate(jws.DefaultRetired) }}, err
	},
}

// issue makes somebody's token.
func (r rotating) issue(t *testing.T) string {
	now := time.Now().Truncate(time.Second)
	tok, err := r.Issue(t.Context(), token.Payload{UserID: "0123456789abcdef0123456789abcdef", Methods: []string{"password"},
		AuditIDs: []string{token.NewAuditID()}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)})
	if err != nil {
		t.Error(err)
	}
	return tok
}

// TestRotationBesideUse rotates keys in one process while a second issues and
// a third reads: a token is good until the rotation after the next, also while
// there is one.
func TestRotationBesideUse(t *testing.T) {
	for name, open := range rotatingProviders {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var at [3]rotating
			for i := range at {
				var err error
				if at[i], err = open(dir); err != nil {
					t.Fatal(err)
				}
			}
			operator, issuer, reader := at[0], at[1], at[2]
			issue := func() string { return issuer.issue(t) }
			good := func(what, tok string) {
				for _, r := range at {
					if _, err := r.Read(t.Context(), tok); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			for range 50 {
				before := issue()
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := operator.rotate(); err != nil {
						t.Error(err)
					}
				})
				for range 4 {
					wg.Go(func() {
						for range 5 {
							good("from before the rotation", before)
							good("made beside the rotation", issue())
						}
					})
				}
				wg.Wait()
				good("after the rotation", before)
				if _, err := reader.Read(t.Context(), "x"+before); err == nil {
					t.Error("a token that is none was read")
				}
			}
		})
	}
}

// TestRotationWithinATick: directories that are changed and read within a tick
// of the clock bear one time. What was read then is not held for ever.
func TestRotationWithinATick(t *testing.T) {
	for name, open := range rotatingProviders {
		t.Run(name, func(t *testing.T) {
			dir, tick := t.TempDir(), time.Now().Add(time.Hour) // which no wait makes an old one
			still := func() {
				err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
					if err == nil && e.IsDir() {
						err = os.Chtimes(path, tick, tick)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			operator, err := open(dir)
			if err != nil {
				t.Fatal(err)
			}
			other, err := open(dir)
			if err != nil {
				t.Fatal(err)
			}
			still()
			old := operator.issue(t)
			if _, err := other.Read(t.Context(), old); err != nil {
				t.Error(err)
			}
			was, err := other.Generation()
			if err != nil {
				t.Fatal(err)
			}
			if now, err := other.Generation(); now != was || err != nil {
				t.Errorf("other keys are told of, with the same: %v", err)
			}
			for range 5 { // more than keys are kept
				if err := operator.rotate(); err != nil {
					t.Fatal(err)
				}
				still()
			}
			if _, err := other.Read(t.Context(), old); err == nil {
				t.Error("a token of a key that is gone is good")
			}
			if now, err := other.Generation(); now == was || err != nil {
				t.Errorf("other keys are not told of: %v", err)
			}
			for from, to := range map[*rotating]rotating{&operator: other, &other: operator} {
				if _, err := to.Read(t.Context(), from.issue(t)); err != nil {
					t.Errorf("a new token: %v", err)
				}
			}
		})
	}
}
