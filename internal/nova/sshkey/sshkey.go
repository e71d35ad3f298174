// Package sshkey makes the keys that users of the Compute API let it make for
// them, and fingerprints those that they bring.
package sshkey

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Pair is a new key. Private is PEM for SSH, base64 of PKCS #12 for a certificate.
type Pair struct{ Public, Private, Fingerprint string }

// bits is the size of generated RSA keys.
const bits = 2048

// Generate makes an RSA key in OpenSSH's form.
func Generate() (Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return Pair{}, err
	}
	pub, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " Generated-by-Nova"
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return Pair{Public: public, Private: string(private), Fingerprint: colons(md5sum(pub.Marshal()))}, nil
}

// errNoKey is the original's whole explanation of a key it cannot read.
var errNoKey = errors.New("failed to generate fingerprint")

// Fingerprint is the MD5 of an OpenSSH public key, in hex with colons.
func Fingerprint(public string) (string, error) {
	kind, rest, _ := strings.Cut(public, " ")
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(firstField(rest)))
	if err != nil {
		return "", errNoKey
	}
	key, err := ssh.ParsePublicKey(data)
	if err != nil || key.Type() != kind {
		return "", errNoKey
	}
	return colons(md5sum(data)), nil
}

func firstField(s string) string {
	field, _, _ := strings.Cut(s, " ")
	return field
}

// CertificateFingerprint is the SHA-1 of an X.509 certificate in PEM, in hex with colons.
func CertificateFingerprint(text string) (string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		//lint:ignore ST1005 the tenant reads this sentence
		return "", errors.New("failed to generate X509 fingerprint. Error message: Unable to load PEM file.")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return "", fmt.Errorf("failed to generate X509 fingerprint. Error message: %w", err)
	}
	return certificateSum(block.Bytes), nil
}

func certificateSum(der []byte) string {
	sum := sha1.Sum(der)
	return colons(sum[:])
}

func md5sum(data []byte) []byte {
	sum := md5.Sum(data)
	return sum[:]
}

// colons writes bytes as 43:c5:0a.
func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}
