package sshkey

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// certificateLife is how long a generated certificate is good for.
const certificateLife = 3650 * 24 * time.Hour

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPrincipalName  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// GenerateCertificate makes a self-signed certificate with which a user signs
// in to a Windows guest without a password.
func GenerateCertificate(userID string, now time.Time) (Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return Pair{}, err
	}
	names, err := principal(userID + "@localhost")
	if err != nil {
		return Pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: userID}, NotBefore: now.Add(-time.Minute),
		NotAfter: now.Add(certificateLife), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		ExtraExtensions: []pkix.Extension{{Id: oidSubjectAltName, Value: names}}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Pair{}, err
	}
	return bundle(key, der)
}

// bundle is the certificate in PEM and, with its key, in PKCS #12 without a password.
func bundle(key *rsa.PrivateKey, der []byte) (Pair, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, err
	}
	private, err := pkcs12.Modern.Encode(key, cert, nil, "")
	if err != nil {
		return Pair{}, err
	}
	return Pair{Public: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Private: base64.StdEncoding.EncodeToString(private), Fingerprint: certificateSum(der)}, nil
}

// principal is a subjectAltName that holds a Windows user principal name.
func principal(upn string) ([]byte, error) {
	text, err := asn1.MarshalWithParams(upn, "utf8")
	if err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(oidPrincipalName)
	if err != nil {
		return nil, err
	}
	value, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: text})
	if err != nil {
		return nil, err
	}
	other, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(oid, value...)})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: other})
}
