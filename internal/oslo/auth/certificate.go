package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// Thumbprint names a certificate as the original does, by the hash of its PEM
// text: what RFC 8705 calls x5t#S256, but that is of the DER.
func Thumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	return base64.URLEncoding.EncodeToString(sum[:])
}

// MayUse reports whether one with this certificate, nil for none, may use the
// token: one that is bound to a certificate is worth nothing without it.
func (id Identity) MayUse(cert *x509.Certificate) bool {
	return id.Thumbprint == "" || cert != nil && subtle.ConstantTimeCompare([]byte(id.Thumbprint), []byte(Thumbprint(cert))) == 1
}
