// Package signaturetest signs as an image's owner does: with openssl.
package signaturetest

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Signer is a key and its certificate.
type Signer struct {
	KeyType     string // the property's value
	Certificate []byte // in PEM

	key string // file
}

// recipes are how openssl makes a key of each type.
var recipes = map[string][]string{
	"RSA-PSS":       {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	"DSA":           nil, // of parameters
	"ECC_SECP384R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp384r1"},
	"ECC_SECP521R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp521r1"},
	"ECC_SECT409K1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect409k1"},
	"ECC_SECT409R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect409r1"},
	"ECC_SECT571K1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect571k1"},
	"ECC_SECT571R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect571r1"},
}

// New makes a key of that type. options go to the making of its certificate.
func New(t testing.TB, keyType string, options ...string) *Signer {
	t.Helper()
	dir := t.TempDir()
	s := &Signer{KeyType: keyType, key: filepath.Join(dir, "key.pem")}
	how, known := recipes[keyType]
	if !known {
		t.Fatalf("no key of the type %s", keyType)
	}
	if keyType == "DSA" {
		openssl(t, "genpkey", "-quiet", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", dir+"/parameters.pem")
		how = []string{"-paramfile", dir + "/parameters.pem"}
	}
	openssl(t, append([]string{"genpkey", "-quiet", "-out", s.key}, how...)...)
	s.Certificate = openssl(t, append([]string{"req", "-x509", "-new", "-key", s.key, "-subj", "/CN=who signs images"}, options...)...)
	return s
}

// Put writes the certificate to where a directory has the one of that ID.
func (s *Signer) Put(t testing.TB, dir, id string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, id+".pem"), s.Certificate, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Sign signs data by a hash method, as the property has it. options go to openssl.
func (s *Signer) Sign(t testing.TB, method, data string, options ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"dgst", "-" + strings.ToLower(strings.ReplaceAll(method, "-", "")), "-sign", s.key}
	if s.KeyType == "RSA-PSS" {
		args = append(args, "-sigopt", "rsa_padding_mode:pss")
	}
	return base64.StdEncoding.EncodeToString(openssl(t, append(append(args, options...), file)...))
}

// Properties are those of an image that is signed, as JSON members.
func (s *Signer) Properties(t testing.TB, id, method, data string) string {
	t.Helper()
	return fmt.Sprintf(`"img_signature": %q, "img_signature_hash_method": %q, "img_signature_key_type": %q, "img_signature_certificate_uuid": %q`,
		s.Sign(t, method, data), method, s.KeyType, id)
}

func openssl(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}
