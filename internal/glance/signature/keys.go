package signature

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 images that were signed with such keys are to be verified, none is signed
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"

	"nacre/internal/glance/signature/binarycurve"
)

// keyType is a kind of key, and how its signatures are verified.
type keyType struct {
	fits   func(key any) bool
	verify func(key any, h crypto.Hash, sum, signature []byte) bool
}

var keyTypes = map[string]keyType{
	"RSA-PSS":       {is[*rsa.PublicKey], verifyPSS},
	"DSA":           {is[*dsa.PublicKey], verifyDSA},
	"ECC_SECP384R1": ecc,
	"ECC_SECP521R1": ecc,
	"ECC_SECT409K1": ecc,
	"ECC_SECT409R1": ecc,
	"ECC_SECT571K1": ecc,
	"ECC_SECT571R1": ecc,
}

// ecc takes a key of any curve, as the original does.
var ecc = keyType{func(key any) bool { return is[*ecdsa.PublicKey](key) || is[*binarycurve.PublicKey](key) }, verifyECC}

func is[K any](key any) bool { _, ok := key.(K); return ok }

// Larger keys are refused, as OpenSSL does: they would keep a processor busy for minutes.
const (
	maxRSA = 16384 // bits
	maxDSA = 10000
)

// verifyPSS wants the longest salt that the key has room for, as the original does.
func verifyPSS(key any, h crypto.Hash, sum, signature []byte) bool {
	pub := key.(*rsa.PublicKey)
	salt := (pub.N.BitLen()-1+7)/8 - h.Size() - 2
	return salt >= 0 && pub.N.BitLen() <= maxRSA && rsa.VerifyPSS(pub, h, sum, signature, &rsa.PSSOptions{SaltLength: salt}) == nil
}

func verifyECC(key any, _ crypto.Hash, sum, signature []byte) bool {
	if pub, ok := key.(*binarycurve.PublicKey); ok {
		return pub.Verify(sum, signature)
	}
	return ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum, signature)
}

// verifyDSA takes as much of the hash as the key's group has bytes.
func verifyDSA(key any, _ crypto.Hash, sum, signature []byte) bool {
	pub := key.(*dsa.PublicKey)
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 || pub.P.BitLen() > maxDSA || pub.Q.BitLen() > 256 {
		return false
	}
	return dsa.Verify(pub, sum[:min(len(sum), (pub.Q.BitLen()+7)/8)], pair.R, pair.S)
}
