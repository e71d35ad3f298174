package keymanager

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"time"

	"nacre/internal/glance/signature/binarycurve"
)

// Certificate is what is asked of an X.509 certificate.
type Certificate struct {
	DER []byte
	Key any // as crypto/x509 has it, or a *binarycurve.PublicKey
}

// Parse reads a certificate in PEM or DER.
func Parse(text []byte) (*Certificate, error) {
	if block, _ := pem.Decode(text); block != nil {
		text = block.Bytes
	}
	cert, err := x509.ParseCertificate(text)
	if err == nil {
		return &Certificate{cert.Raw, cert.PublicKey}, nil
	}
	key, kerr := binaryKey(text)
	if errors.Is(kerr, binarycurve.ErrCurve) {
		return nil, err
	} else if kerr != nil {
		return nil, kerr
	}
	return &Certificate{text, key}, nil
}

// binaryKey is the key of a certificate that Go's library does not read for its
// curve; binarycurve.ErrCurve if the curve is not the reason.
func binaryKey(der []byte) (*binarycurve.PublicKey, error) {
	var cert struct { // RFC 5280, section 4.1
		Signed struct {
			Version   int `asn1:"optional,explicit,default:0,tag:0"`
			Serial    *big.Int
			Algorithm pkix.AlgorithmIdentifier
			Issuer    asn1.RawValue
			Validity  struct{ NotBefore, NotAfter time.Time }
			Subject   asn1.RawValue
			Key       asn1.RawValue

			IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
			SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
			Extensions []pkix.Extension `asn1:"optional,explicit,tag:3"`
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &cert); err != nil || len(rest) > 0 {
		return nil, binarycurve.ErrCurve
	}
	return binarycurve.ParsePublicKey(cert.Signed.Key.FullBytes)
}
