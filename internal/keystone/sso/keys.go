package sso

import (
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"nacre/internal/oslo/config"
)

// minKeyBits is what a key of ours has at least.
const minKeyBits = 2048

// keyFiles are certificates with their keys, which may be changed at any time.
type keyFiles = *config.Files[[]*tls.Certificate]

func watchKeys(files ...string) (keyFiles, error) {
	return config.Watch(func() ([]*tls.Certificate, error) { return readKeys(files) }, files...)
}

// readKeys reads certificates with their keys, one of each in a file.
func readKeys(files []string) (pairs []*tls.Certificate, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if key, is := pair.PrivateKey.(*rsa.PrivateKey); !is || key.N.BitLen() < minKeyBits {
			return nil, fmt.Errorf("%s: it is no RSA key of %d bits or more", file, minKeyBits)
		}
		pairs = append(pairs, &pair)
	}
	return pairs, nil
}

// described is how metadata tells of a certificate; how says by which algorithms it is encrypted for.
func described(use string, pair *tls.Certificate, how ...string) saml.KeyDescriptor {
	d := saml.KeyDescriptor{Use: use, KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{
		X509Certificates: []saml.X509Certificate{{Data: base64.StdEncoding.EncodeToString(pair.Certificate[0])}}}}}
	for _, name := range how {
		d.EncryptionMethods = append(d.EncryptionMethods, saml.EncryptionMethod{Algorithm: name})
	}
	return d
}

// signer signs by RSA and SHA-256.
func signer(pair *tls.Certificate) (*dsig.SigningContext, error) {
	ctx := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore(*pair))
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	return ctx, ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod)
}

// signature is one over e that goes into e.
func signature(pair *tls.Certificate, e *etree.Element) (*etree.Element, error) {
	ctx, err := signer(pair)
	if err != nil {
		return nil, err
	}
	signed, err := ctx.SignEnveloped(e)
	if err != nil {
		return nil, err
	}
	sig := child(signed, dsig.Namespace, "Signature")
	if sig == nil {
		err = errors.New("no signature")
	}
	return sig, err
}
