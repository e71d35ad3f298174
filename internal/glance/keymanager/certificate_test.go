package keymanager_test

import (
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/signature/binarycurve"
	"nacre/internal/glance/signature/signaturetest"
)

// TestParse: a certificate of a curve that Go's library does not know is read
// as strictly as others, whatever else is in it.
func TestParse(t *testing.T) {
	for _, options := range [][]string{nil, {"-days", "1", "-set_serial", "0x7fffffffffffffffffffffffffffffffffffffff", "-addext", "keyUsage=digitalSignature"}} {
		for _, keyType := range []string{"ECC_SECT409K1", "ECC_SECT409R1", "ECC_SECT571K1", "ECC_SECT571R1"} {
			cert := signaturetest.New(t, keyType, options...).Certificate
			block, _ := pem.Decode(cert)
			for _, text := range [][]byte{cert, block.Bytes} {
				got, err := keymanager.Parse(text)
				if err != nil {
					t.Fatalf("%s: %v", keyType, err)
				}
				if _, ok := got.Key.(*binarycurve.PublicKey); !ok || !slices.Equal(got.DER, block.Bytes) {
					t.Errorf("%s: got %+v", keyType, got)
				}
			}
			for name, der := range map[string][]byte{"cut": block.Bytes[:len(block.Bytes)-1], "more": append(slices.Clone(block.Bytes), 0)} {
				if got, err := keymanager.Parse(der); err == nil || !strings.Contains(err.Error(), "x509: ") {
					t.Errorf("%s, %s: got %v, %v", keyType, name, got, err)
				}
			}
		}
	}
}
