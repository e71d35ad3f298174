// Package keymanagertest is what every key manager passes.
package keymanagertest

import (
	"context"
	"encoding/pem"
	"errors"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/signature/signaturetest"
)

// Run asks keys as the caller in ctx for what put puts there as certificates.
func Run(t *testing.T, ctx context.Context, keys keymanager.KeyManager, put func(t *testing.T, text []byte) (id string)) {
	for _, keyType := range []string{"ECC_SECP384R1", "ECC_SECT571R1"} {
		s := signaturetest.New(t, keyType)
		der, _ := pem.Decode(s.Certificate)
		id := put(t, s.Certificate)
		for range 2 {
			if got, err := keys.Certificate(ctx, id); err != nil || string(got.DER) != string(der.Bytes) || got.Key == nil {
				t.Errorf("%s: got %v, %v", keyType, got, err)
			}
		}
	}
	for _, id := range []string{"00000000-1111-4222-8333-444444444444", "", "..", "../../etc/passwd", "x"} {
		if got, err := keys.Certificate(ctx, id); !errors.Is(err, keymanager.ErrNotFound) {
			t.Errorf("%q: got %v, %v", id, got, err)
		}
	}
	if got, err := keys.Certificate(ctx, put(t, []byte("no certificate"))); err == nil || errors.Is(err, keymanager.ErrNotFound) {
		t.Errorf("garbage: got %v, %v", got, err)
	}
}
