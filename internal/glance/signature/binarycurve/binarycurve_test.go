package binarycurve

import (
	"bytes"
	"crypto"
	_ "crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

var names = []string{"sect409k1", "sect409r1", "sect571k1", "sect571r1"}

// random is an element of the field.
func random(r *rand.Rand, f field) (e element) {
	for i := range e {
		e[i] = r.Uint64()
	}
	e[f.bits/64] &= 1<<(f.bits%64) - 1
	clear(e[f.bits/64+1:])
	return e
}

// TestField: the laws of a field, on random elements and on those at its edges.
func TestField(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range []field{f409, f571} {
		top := element{}
		top[(f.bits-1)/64] = 1 << ((f.bits - 1) % 64)
		all := top.plus(random(r, f))
		for i := range f.bits {
			all[i/64] |= 1 << (i % 64)
		}
		some := []element{{}, {1}, {2}, top, all, random(r, f), random(r, f), random(r, f)}
		for _, a := range some {
			if f.times(a, element{1}) != a || f.square(a) != f.times(a, a) {
				t.Fatalf("%d: %x", f.bits, a)
			}
			if !a.zero() && f.times(a, f.inverse(a)) != (element{1}) {
				t.Errorf("%d: %x has another inverse", f.bits, a)
			}
			for _, b := range some {
				if f.times(a, b) != f.times(b, a) || f.times(a, b) != slowly(f, a, b) {
					t.Errorf("%d: %x times %x", f.bits, a, b)
				}
			}
		}
	}
}

// slowly multiplies bit by bit, and takes the modulus away as soon as it is there.
func slowly(f field, a, b element) (p element) {
	for i := f.bits - 1; i >= 0; i-- {
		p = p.timesX()
		if p[f.bits/64]>>(f.bits%64)&1 == 1 {
			p[f.bits/64] ^= 1 << (f.bits % 64)
			for _, tap := range f.taps {
				p[tap/64] ^= 1 << (tap % 64)
			}
		}
		if a[i/64]>>(i%64)&1 == 1 {
			p = p.plus(b)
		}
	}
	return p
}

// TestCurves: the base point is on its curve and has the order that is said, and
// sums are those of single steps.
func TestCurves(t *testing.T) {
	one := big.NewInt(1)
	for i, known := range curves {
		c := known.curve
		if !c.on(c.g) || !c.n.ProbablyPrime(20) {
			t.Errorf("%s: the parameters are wrong", names[i])
		}
		minus := point{c.g.x, c.g.x.plus(c.g.y)} // the opposite of G
		for name, p := range map[string]point{
			"n·G":         c.sum(c.n, new(big.Int), c.g),
			"0":           c.sum(new(big.Int), new(big.Int), c.g),
			"G-G":         c.sum(one, one, minus),
			"(n-1)·G + G": c.sum(new(big.Int).Sub(c.n, one), one, c.g),
		} {
			if !p.infinite() {
				t.Errorf("%s: %s is %x", names[i], name, p)
			}
		}
		if c.sum(new(big.Int).Sub(c.n, one), new(big.Int), c.g) != minus {
			t.Errorf("%s: (n-1)·G is not -G", names[i])
		}
		step := c.g
		for k := int64(2); k < 20; k++ {
			step = c.affine(c.add(step.projective(), c.g))
			if sum := c.sum(big.NewInt(k/2), big.NewInt(k-k/2), c.g); sum != step || !c.on(sum) {
				t.Errorf("%s: %d·G", names[i], k)
			}
		}
	}
}

// key is a key that openssl made, in a file, and the public one's SubjectPublicKeyInfo.
func key(t *testing.T, curve string, options ...string) (file string, public []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key.pem")
	openssl(t, append([]string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve, "-out", file}, options...)...)
	return file, openssl(t, "pkey", "-in", file, "-pubout", "-outform", "DER")
}

func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, &stderr)
	}
	return out
}

// TestVerify: what openssl signs is verified, and nothing else.
func TestVerify(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("the bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			file, der := key(t, name)
			k, err := ParsePublicKey(der)
			if err != nil {
				t.Fatal(err)
			}
			_, der = key(t, name)
			other, err := ParsePublicKey(der)
			if err != nil {
				t.Fatal(err)
			}
			for method, h := range map[string]crypto.Hash{"-sha224": crypto.SHA224, "-sha256": crypto.SHA256, "-sha384": crypto.SHA384, "-sha512": crypto.SHA512} {
				hash := h.New()
				hash.Write([]byte("the bytes"))
				sum := hash.Sum(nil)
				signature := openssl(t, "dgst", method, "-sign", file, data)
				if !k.Verify(sum, signature) {
					t.Errorf("%s: not verified", method)
				}
				flipped := slices.Clone(sum)
				flipped[0] ^= 1
				if k.Verify(flipped, signature) || other.Verify(sum, signature) {
					t.Errorf("%s: other bytes, or another's, are verified", method)
				}
				for i := range signature {
					bad := slices.Clone(signature)
					bad[i] ^= 0x10
					if i%40 == 0 && k.Verify(sum, bad) {
						t.Errorf("%s: verified with byte %d changed", method, i)
					}
				}
				if k.Verify(sum, append(signature, 0)) || k.Verify(sum, nil) {
					t.Errorf("%s: more or less of a signature is verified", method)
				}
			}
		})
	}
}

// TestRange: numbers that are none of the group's are refused before anything is computed with them.
func TestRange(t *testing.T) {
	sum := sha512.Sum512(nil)
	for i, known := range curves {
		k := &PublicKey{known.curve, known.curve.g}
		n, one := known.curve.n, big.NewInt(1)
		for _, pair := range [][2]*big.Int{{new(big.Int), one}, {one, new(big.Int)}, {n, one}, {one, n}, {big.NewInt(-1), one}, {one, big.NewInt(-1)},
			{new(big.Int).Lsh(one, 100_000), one}, {one, new(big.Int).Lsh(one, 100_000)}} {
			signature, err := asn1.Marshal(struct{ R, S *big.Int }{pair[0], pair[1]})
			if err != nil {
				t.Fatal(err)
			}
			if k.Verify(sum[:], signature) {
				t.Errorf("%s: %v is verified", names[i], pair)
			}
		}
	}
}

// TestParseRefuses keys of other curves, and what is no point of its own.
func TestParseRefuses(t *testing.T) {
	_, good := key(t, "sect409k1")
	off := slices.Clone(good)
	off[len(off)-1] ^= 1
	wide := slices.Clone(good)
	wide[len(wide)-f409.bits/8-1] |= 2 // y has a bit more than the field
	for name, der := range map[string][]byte{
		"prime field":  second(key(t, "secp384r1")),
		"another":      second(key(t, "sect283k1")),
		"explicit":     second(key(t, "sect409k1", "-pkeyopt", "ec_param_enc:explicit")),
		"off":          off,
		"wide":         wide,
		"cut":          good[:len(good)-1],
		"more":         append(slices.Clone(good), 0),
		"nothing":      nil,
		"no algorithm": {0x30, 0},
	} {
		if k, err := ParsePublicKey(der); err == nil {
			t.Errorf("%s: got %v", name, k)
		}
	}
	c := curves[0].curve
	for i := range 1 + 2*c.size() {
		b := append([]byte{4}, make([]byte, 2*c.size())...)
		if p, ok := c.point(b[:i]); ok {
			t.Errorf("%d bytes are %v", i, p)
		}
	}
	if _, ok := c.point(append([]byte{4}, make([]byte, 2*c.size())...)); ok {
		t.Error("(0, 0) is a point")
	}
}

func second(_ string, der []byte) []byte { return der }

// BenchmarkVerify is the cost of one signature of the largest curve.
func BenchmarkVerify(b *testing.B) {
	key, _ := pem.Decode([]byte(benchmarkKey))
	k, err := ParsePublicKey(key.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(benchmarkSignature)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha512.Sum512([]byte("the bytes"))
	for b.Loop() {
		if !k.Verify(sum[:], signature) {
			b.Fatal("not verified")
		}
	}
}

const benchmarkKey = `-----BEGIN PUBLIC KEY-----
MIGnMBAGByqGSM49AgEGBSuBBAAnA4GSAAQEuQ+wYK33w66lVjZw4q2+kB4zofVH
OpZzWRFOWwMqXpvWrx+/L8dXZ8fqfBwuTd0OLPg/I5HopDKqeNzv/nBbyO894IEO
iQcGncog68QGdZtc0/oVlVBkWVi4kiQLqmUKbwHi7duGHTQTj15Nqte2p2oxCVga
f2eYXggb1/NUJ2xcpG9tfvXB11zDugzVm1A=
-----END PUBLIC KEY-----
`

const benchmarkSignature = "MIGUAkgC9MfIBZlgfgC3i9cJbabqSZOYaB7/rDGhn+G+Zv8uF1IMQ6U0gb7wPuWBnHV8dM6JwHkl46UOv78pcTxRHRhXDOTIVMxbaUMCSAKvD0ULIjxlhxh9BNlxRFfo9Sy+LcopJMhLxw6chx3z2/3HdMVL/jW3xEtFO6JGLleu+OzSABaZAh22RkKY8V89/nS2jID2fQ=="
