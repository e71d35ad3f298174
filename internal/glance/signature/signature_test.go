package signature_test

import (
	"errors"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/signature"
	"nacre/internal/glance/signature/signaturetest"
)

const data = "the bytes of an image"

func claim(sig, method, keyType string) map[string]*string {
	id := "c"
	return map[string]*string{signature.Signature: &sig, signature.HashMethod: &method, signature.KeyType: &keyType, signature.Certificate: &id}
}

// verify is what becomes of a claim about some bytes.
func verify(t *testing.T, properties map[string]*string, certificate []byte, data string) error {
	t.Helper()
	c, err := signature.Read(properties)
	if err != nil {
		return err
	}
	cert, err := keymanager.Parse(certificate)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.By(cert.Key)
	if err != nil {
		return err
	}
	h := v.Hash.New()
	h.Write([]byte(data))
	return v.Verify(h.Sum(nil))
}

// TestVerify: what openssl signs with each type of key by each hash is verified,
// and nothing else.
func TestVerify(t *testing.T) {
	for _, keyType := range []string{"RSA-PSS", "DSA", "ECC_SECP384R1", "ECC_SECP521R1",
		"ECC_SECT409K1", "ECC_SECT409R1", "ECC_SECT571K1", "ECC_SECT571R1"} {
		one, other := signaturetest.New(t, keyType), signaturetest.New(t, keyType)
		for _, method := range []string{"SHA-224", "SHA-256", "SHA-384", "SHA-512"} {
			t.Run(keyType+" "+method, func(t *testing.T) {
				sig := one.Sign(t, method, data)
				if err := verify(t, claim(sig, method, keyType), one.Certificate, data); err != nil {
					t.Error(err)
				}
				folded := sig[:20] + "\n" + sig[20:]
				if err := verify(t, claim(folded, method, keyType), one.Certificate, data); err != nil {
					t.Errorf("in lines: %v", err)
				}
				another := map[string]string{"SHA-224": "SHA-256", "SHA-256": "SHA-384", "SHA-384": "SHA-512", "SHA-512": "SHA-224"}[method]
				for name, err := range map[string]error{
					"other bytes": verify(t, claim(sig, method, keyType), one.Certificate, data+"!"),
					"other key":   verify(t, claim(sig, method, keyType), other.Certificate, data),
					"other hash":  verify(t, claim(sig, another, keyType), one.Certificate, data),
					"half of it":  verify(t, claim(sig[:len(sig)/2/4*4], method, keyType), one.Certificate, data),
					"no ASN.1":    verify(t, claim("AAAA", method, keyType), one.Certificate, data),
				} {
					if err == nil || err.Error() != "Signature verification failed" {
						t.Errorf("%s: got %v", name, err)
					}
				}
			})
		}
	}
}

// TestSalt: a signature by PSS has the longest salt; the original knows no other.
func TestSalt(t *testing.T) {
	s := signaturetest.New(t, "RSA-PSS")
	for salt, good := range map[string]bool{"max": true, "digest": false, "0": false} {
		err := verify(t, claim(s.Sign(t, "SHA-256", data, "-sigopt", "rsa_pss_saltlen:"+salt), "SHA-256", "RSA-PSS"), s.Certificate, data)
		if (err == nil) != good {
			t.Errorf("%s: got %v", salt, err)
		}
	}
}

func TestRefused(t *testing.T) {
	rsa, ecc := signaturetest.New(t, "RSA-PSS"), signaturetest.New(t, "ECC_SECP384R1")
	good := rsa.Sign(t, "SHA-256", data)
	null := claim(good, "SHA-256", "RSA-PSS")
	null[signature.Certificate] = nil
	for name, tc := range map[string]struct {
		properties  map[string]*string
		certificate []byte
		reason      string
	}{
		"base64":          {claim("AAAAA", "SHA-256", "RSA-PSS"), nil, "The signature data was not properly encoded using base64"},
		"hash":            {claim(good, "MD5", "RSA-PSS"), nil, "Invalid signature hash method: MD5"},
		"key type":        {claim(good, "SHA-256", "ECC_SECP256R1"), nil, "Invalid signature key type: ECC_SECP256R1"},
		"RSA for a curve": {claim(good, "SHA-256", "ECC_SECT571K1"), rsa.Certificate, "Invalid public key type for signature key type: ECC_SECT571K1"},
		"another's key":   {claim(good, "SHA-256", "RSA-PSS"), ecc.Certificate, "Invalid public key type for signature key type: RSA-PSS"},
		"no DSA":          {claim(good, "SHA-256", "DSA"), rsa.Certificate, "Invalid public key type for signature key type: DSA"},
		"no signature":    {claim("", "SHA-256", "RSA-PSS"), rsa.Certificate, "Error occurred while creating the verifier"},
		"no certificate":  {null, nil, "Required image properties for signature verification do not exist. Cannot verify signature. Missing property: img_signature_uuid"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verify(t, tc.properties, tc.certificate, data)
			var refused *signature.Error
			if want := "Signature verification for the image failed: " + tc.reason + "."; !errors.As(err, &refused) || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

// TestSigned: fewer than all four properties are no claim.
func TestSigned(t *testing.T) {
	if !signature.Signed(claim("a", "b", "c")) || signature.Signed(nil) {
		t.Error("all of them are a claim, none is not")
	}
	for name := range claim("", "", "") {
		some := claim("a", "b", "c")
		delete(some, name)
		if signature.Signed(some) {
			t.Errorf("without %s", name)
		}
	}
}
