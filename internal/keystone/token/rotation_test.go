package token_test

import (
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
			issue := func() string {
				now := time.Now().Truncate(time.Second)
				tok, err := issuer.Issue(t.Context(), token.Payload{UserID: "0123456789abcdef0123456789abcdef", Methods: []string{"password"},
					AuditIDs: []string{token.NewAuditID()}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)})
				if err != nil {
					t.Error(err)
				}
				return tok
			}
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
