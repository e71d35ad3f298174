// Package binarycurve verifies ECDSA signatures by keys of the curves over
// binary fields that OpenStack's images may be signed with, which Go's library
// does not know: sect409k1, sect409r1, sect571k1 and sect571r1 of SEC 2. It
// knows no private keys, and it takes as long as the numbers want.
package binarycurve

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
)

// PublicKey is a point of one of the curves.
type PublicKey struct {
	curve *curve
	point point
}

// ErrCurve is a key that is none of these curves'.
var ErrCurve = errors.New("no key of a known curve over a binary field")

var (
	f409 = field{409, []int{87, 0}}
	f571 = field{571, []int{10, 5, 2, 0}}
)

var curves = []struct {
	oid   asn1.ObjectIdentifier
	curve *curve
}{
	{asn1.ObjectIdentifier{1, 3, 132, 0, 36}, newCurve(f409, 0, // sect409k1
		"01",
		"0060f05f658f49c1ad3ab1890f7184210efd0987e307c84c27accfb8f9f67cc2c460189eb5aaaa62ee222eb1b35540cfe9023746",
		"01e369050b7c4e42acba1dacbf04299c3460782f918ea427e6325165e9ea10e3da5f6c42e9c55215aa9ca27a5863ec48d8e0286b",
		"7ffffffffffffffffffffffffffffffffffffffffffffffffffe5f83b2d4ea20400ec4557d5ed3e3e7ca5b4b5c83b8e01e5fcf")},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 37}, newCurve(f409, 1, // sect409r1
		"21a5c2c8ee9feb5c4b9a753b7b476b7fd6422ef1f3dd674761fa99d6ac27c8a9a197b272822f6cd57a55aa4f50ae317b13545f",
		"015d4860d088ddb3496b0c6064756260441cde4af1771d4db01ffe5b34e59703dc255a868a1180515603aeab60794e54bb7996a7",
		"0061b1cfab6be5f32bbfa78324ed106a7636b9c5a7bd198d0158aa4f5488d08f38514f1fdf4b4f40d2181b3681c364ba0273c706",
		"010000000000000000000000000000000000000000000000000001e2aad6a612f33307be5fa47c3c9e052f838164cd37d9a21173")},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 38}, newCurve(f571, 0, // sect571k1
		"01",
		"026eb7a859923fbc82189631f8103fe4ac9ca2970012d5d46024804801841ca44370958493b205e647da304db4ceb08cbbd1ba39494776fb988b47174dca88c7e2945283a01c8972",
		"0349dc807f4fbf374f4aeade3bca95314dd58cec9f307a54ffc61efc006d8a2c9d4979c0ac44aea74fbebbb9f772aedcb620b01a7ba7af1b320430c8591984f601cd4c143ef1c7a3",
		"020000000000000000000000000000000000000000000000000000000000000000000000131850e1f19a63e4b391a8db917f4138b630d84be5d639381e91deb45cfe778f637c1001")},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 39}, newCurve(f571, 1, // sect571r1
		"02f40e7e2221f295de297117b7f3d62f5c6a97ffcb8ceff1cd6ba8ce4a9a18ad84ffabbd8efa59332be7ad6756a66e294afd185a78ff12aa520e4de739baca0c7ffeff7f2955727a",
		"0303001d34b856296c16c0d40d3cd7750a93d1d2955fa80aa5f40fc8db7b2abdbde53950f4c0d293cdd711a35b67fb1499ae60038614f1394abfa3b4c850d927e1e7769c8eec2d19",
		"037bf27342da639b6dccfffeb73d69d78c6c27a6009cbbca1980f8533921e8a684423e43bab08a576291af8f461bb2a8b3531d2f0485c19b16e2f1516e23dd3c1a4827af1b8ac15b",
		"03ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe661ce18ff55987308059b186823851ec7dd9ca1161de93d5174d66e8382e9bb2fe84e47")},
}

var oidPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}

// ParsePublicKey reads the SubjectPublicKeyInfo of a certificate, in DER.
func ParsePublicKey(der []byte) (*PublicKey, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(oidPublicKey) {
		return nil, ErrCurve
	}
	if rest, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &oid); err != nil || len(rest) > 0 {
		return nil, ErrCurve
	}
	for _, known := range curves {
		if !known.oid.Equal(oid) {
			continue
		}
		if p, ok := known.curve.point(info.Key.RightAlign()); ok {
			return &PublicKey{known.curve, p}, nil
		}
		return nil, errors.New("the key is no point of its curve, or a compressed one")
	}
	return nil, ErrCurve
}

// Verify says whether the signature, in DER, is this key's of that hash.
func (k *PublicKey) Verify(hash, signature []byte) bool {
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 {
		return false
	}
	n := k.curve.n
	for _, v := range []*big.Int{pair.R, pair.S} {
		if v.Sign() <= 0 || v.Cmp(n) >= 0 {
			return false
		}
	}
	e := new(big.Int).SetBytes(hash)
	if excess := 8*len(hash) - n.BitLen(); excess > 0 {
		e.Rsh(e, uint(excess))
	}
	w := new(big.Int).ModInverse(pair.S, n)
	u := new(big.Int).Mod(e.Mul(e, w), n)
	v := new(big.Int).Mod(w.Mul(pair.R, w), n)
	p := k.curve.sum(u, v, k.point)
	if p.infinite() {
		return false
	}
	x := p.x.number()
	return x.Mod(x, n).Cmp(pair.R) == 0
}
