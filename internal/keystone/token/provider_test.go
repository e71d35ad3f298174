package token_test

import (
	"testing"

	"nacre/internal/keystone/token"
	"nacre/internal/keystone/token/tokentest"
	"nacre/internal/oslo/jws"
)

func TestFernet(t *testing.T) {
	keys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	tokentest.Run(t, token.NewFernet(keys, nil))
}

func TestJWS(t *testing.T) {
	keys, err := jws.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokentest.Run(t, token.NewJWS(keys))
}
