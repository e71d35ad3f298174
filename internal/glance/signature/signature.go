// Package signature verifies what somebody has signed of an image's bytes.
//
// An image is signed when it has all four of the properties below; with fewer
// nothing is verified. The signature is of the hash of the bytes, made with the
// key of an X.509 certificate that a key manager has. Whether the certificate
// is valid at the moment, and who has issued it, is not asked: whoever may put
// one there vouches for it.
package signature

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// The properties that make an image a signed one.
const (
	Signature   = "img_signature"             // in base64
	HashMethod  = "img_signature_hash_method" // SHA-224, SHA-256, SHA-384 or SHA-512
	KeyType     = "img_signature_key_type"    // RSA-PSS, DSA or ECC_ and a curve
	Certificate = "img_signature_certificate_uuid"
)

// named are the properties in the order in which a missing value is told, each
// with its name there.
var named = [][2]string{{Certificate, "img_signature_uuid"}, {HashMethod, HashMethod}, {Signature, Signature}, {KeyType, KeyType}}

// Error is why a signature is not good, in the words that its owner reads.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Refuse is an Error before anything was verified.
func Refuse(reason string, a ...any) *Error {
	return &Error{"Signature verification for the image failed: " + fmt.Sprintf(reason, a...) + "."}
}

// errBad is a signature that is not of these bytes and of this key.
var errBad = &Error{"Signature verification failed"}

// Claim is what the properties of an image say of its signature.
type Claim struct {
	Certificate string // ID

	signature []byte
	hash      crypto.Hash
	keyType   string
	key       keyType
}

var hashes = map[string]crypto.Hash{"SHA-224": crypto.SHA224, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

// Signed reports whether properties have a claim.
func Signed(properties map[string]*string) bool {
	return !slices.ContainsFunc(named, func(n [2]string) bool { _, there := properties[n[0]]; return !there })
}

// Read reads the claim of a signed image.
func Read(properties map[string]*string) (*Claim, error) {
	for _, n := range named {
		if properties[n[0]] == nil {
			return nil, Refuse("Required image properties for signature verification do not exist. "+
				"Cannot verify signature. Missing property: %s", n[1])
		}
	}
	c := &Claim{Certificate: *properties[Certificate], keyType: *properties[KeyType]}
	var err error
	if c.signature, err = decode(*properties[Signature]); err != nil {
		return nil, Refuse("The signature data was not properly encoded using base64")
	}
	var known bool
	if c.hash, known = hashes[*properties[HashMethod]]; !known {
		return nil, Refuse("Invalid signature hash method: %s", *properties[HashMethod])
	}
	if c.key, known = keyTypes[c.keyType]; !known {
		return nil, Refuse("Invalid signature key type: %s", c.keyType)
	}
	return c, nil
}

// decode reads base64 as the original does, which skips what is none of its characters.
func decode(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '+' || r == '/' || r == '=' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, text))
}

// Verifier knows what to verify, and with which key.
type Verifier struct {
	Hash crypto.Hash // of all bytes, which Verify is told

	claim *Claim
	key   any
}

// By is the verifier with the key of the claim's certificate.
func (c *Claim) By(key any) (*Verifier, error) {
	if !c.key.fits(key) {
		return nil, Refuse("Invalid public key type for signature key type: %s", c.keyType)
	}
	if len(c.signature) == 0 {
		return nil, Refuse("Error occurred while creating the verifier")
	}
	return &Verifier{Hash: c.hash, claim: c, key: key}, nil
}

// Verify says whether the signature is one of bytes with that hash.
func (v *Verifier) Verify(sum []byte) error {
	if !v.claim.key.verify(v.key, v.Hash, sum, v.claim.signature) {
		return errBad
	}
	return nil
}
