package sso

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Assertions and their parts are encrypted as in XML Encryption 1.1. crewjam's xmlenc is not
// used: it panics at a ciphertext of half a block, knows SHA-256 by a name of
// its own, and would take RSA by PKCS #1 v1.5, which is an oracle for the key
// of each assertion.

const (
	encryptionNS   = "http://www.w3.org/2001/04/xmlenc#"
	encryption11NS = "http://www.w3.org/2009/xmlenc11#"
	oaepMGF1P      = encryptionNS + "rsa-oaep-mgf1p" // its mask is always by SHA-1
	oaep           = encryption11NS + "rsa-oaep"
)

// contentCipher is how the text of an assertion is encrypted.
type contentCipher struct {
	keySize int
	open    func(cipher.Block, []byte) ([]byte, error)
}

var contentCiphers = map[string]contentCipher{
	encryption11NS + "aes128-gcm": {16, openGCM},
	encryption11NS + "aes256-gcm": {32, openGCM},
	encryptionNS + "aes128-cbc":   {16, openCBC},
	encryptionNS + "aes256-cbc":   {32, openCBC},
}

// published are the algorithms that metadata tells of, the best first.
var published = []string{encryption11NS + "aes256-gcm", encryption11NS + "aes128-gcm", encryptionNS + "aes256-cbc", encryptionNS + "aes128-cbc", oaepMGF1P}

var digests = map[string]crypto.Hash{
	"http://www.w3.org/2000/09/xmldsig#sha1":        crypto.SHA1,
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

var masks = map[string]crypto.Hash{
	encryption11NS + "mgf1sha1":   crypto.SHA1,
	encryption11NS + "mgf1sha256": crypto.SHA256,
	encryption11NS + "mgf1sha384": crypto.SHA384,
	encryption11NS + "mgf1sha512": crypto.SHA512,
}

// errSealed does not tell a wrong key from a changed text.
var errSealed = errors.New("it is not encrypted for a key of ours, or was changed")

// maxEncryptedKeys bounds for how many readers something may be encrypted.
const maxEncryptedKeys = 4

// plain is the one assertion in an answer. One that is encrypted is put in plain
// in its place, where it has the namespaces that it was encrypted with.
func (s *SAML) plain(answer *etree.Element) (*etree.Element, error) {
	if hidden := child(answer, assertionNS, "EncryptedAssertion"); hidden != nil {
		if err := s.reveal(hidden, "Assertion"); err != nil {
			return nil, err
		}
		if count(answer, "Assertion") != 1 || count(answer, "EncryptedAssertion") != 0 {
			return nil, errors.New("what was encrypted is not one assertion")
		}
	}
	a := child(answer, assertionNS, "Assertion")
	if a == nil {
		return nil, errors.New("the assertion is not where it should be")
	}
	return a, nil
}

// plainTags are what elements within an assertion hide.
var plainTags = map[string]string{"EncryptedID": "NameID", "EncryptedAttribute": "Attribute"}

// revealParts puts the parts of an assertion in plain that are encrypted, each in
// its place. The signature must have been verified: it is over what was encrypted.
func (s *SAML) revealParts(a *etree.Element) error {
	for tag, plain := range plainTags {
		for _, hidden := range all(a, tag) {
			if err := s.reveal(hidden, plain); err != nil {
				return err
			}
		}
	}
	for tag := range plainTags {
		if count(a, tag) != 0 {
			return errors.New("something is encrypted within what was encrypted")
		}
	}
	return nil
}

// reveal puts what is encrypted in its place, the one element of that name.
func (s *SAML) reveal(hidden *etree.Element, tag string) error {
	text, err := s.decrypt(hidden)
	if err != nil {
		return fmt.Errorf("%s: %w", hidden.Tag, err)
	}
	doc, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", hidden.Tag, err)
	}
	e, parent, at := doc.Root(), hidden.Parent(), hidden.Index()
	if len(doc.ChildElements()) != 1 {
		return fmt.Errorf("%s: more than one element was encrypted", hidden.Tag)
	}
	parent.RemoveChildAt(at)
	parent.InsertChildAt(at, e)
	if e.Tag != tag || e.NamespaceURI() != assertionNS {
		return fmt.Errorf("%s: what was encrypted is no %s", hidden.Tag, tag)
	}
	return nil
}

// decrypt is the text of an EncryptedAssertion, or of a part.
func (s *SAML) decrypt(hidden *etree.Element) ([]byte, error) {
	data := child(hidden, encryptionNS, "EncryptedData")
	if data == nil {
		return nil, errors.New("there is no data in it")
	}
	if kind := data.SelectAttrValue("Type", encryptionNS+"Element"); kind != encryptionNS+"Element" {
		return nil, fmt.Errorf("it hides a %s, an element is expected", kind)
	}
	how, known := contentCiphers[algorithm(data, encryptionNS, "EncryptionMethod")]
	if !known {
		return nil, fmt.Errorf("it is encrypted by %q", algorithm(data, encryptionNS, "EncryptionMethod"))
	}
	text, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	key, err := s.contentKey(hidden, data)
	if err != nil || len(key) != how.keySize {
		return nil, errors.Join(errSealed, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return how.open(block, text)
}

// contentKey is that of the data, encrypted for a key of ours: within the data
// or beside it.
func (s *SAML) contentKey(hidden, data *etree.Element) ([]byte, error) {
	own, keys := s.keys.Current(), children(hidden, encryptionNS, "EncryptedKey")
	if info := child(data, dsig.Namespace, "KeyInfo"); info != nil {
		keys = append(keys, children(info, encryptionNS, "EncryptedKey")...)
	}
	switch {
	case len(own) == 0:
		return nil, errors.New("there are no keys in saml of this provider")
	case len(keys) == 0 || len(keys) > maxEncryptedKeys:
		return nil, fmt.Errorf("it is encrypted for %d keys", len(keys))
	}
	var errs []error
	for _, k := range keys {
		for _, pair := range own {
			key, err := unwrap(pair.PrivateKey.(*rsa.PrivateKey), k)
			if err == nil {
				return key, nil
			}
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// unwrap is the key in an EncryptedKey.
func unwrap(own *rsa.PrivateKey, k *etree.Element) ([]byte, error) {
	method := child(k, encryptionNS, "EncryptionMethod")
	if method == nil {
		return nil, errors.New("a key that does not say how it is encrypted")
	}
	o := rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	switch by := method.SelectAttrValue("Algorithm", ""); by {
	case oaepMGF1P:
	case oaep:
		if name := algorithm(method, encryption11NS, "MGF"); name != "" {
			o.MGFHash = masks[name]
		}
	default:
		return nil, fmt.Errorf("the key is encrypted by %q", by)
	}
	if name := algorithm(method, dsig.Namespace, "DigestMethod"); name != "" {
		o.Hash = digests[name]
	}
	if o.Hash == 0 || o.MGFHash == 0 {
		return nil, errors.New("the key is encrypted by a hash that is not known")
	}
	if params := child(method, encryptionNS, "OAEPparams"); params != nil {
		label, err := base64.StdEncoding.DecodeString(blanks.ReplaceAllString(params.Text(), ""))
		if err != nil {
			return nil, err
		}
		o.Label = label
	}
	text, err := cipherValue(k)
	if err != nil {
		return nil, err
	}
	return own.Decrypt(nil, text, &o)
}

// algorithm is what a child names, or "".
func algorithm(e *etree.Element, ns, tag string) string {
	if c := child(e, ns, tag); c != nil {
		return c.SelectAttrValue("Algorithm", "")
	}
	return ""
}

func cipherValue(e *etree.Element) ([]byte, error) {
	data := child(e, encryptionNS, "CipherData")
	if data == nil {
		return nil, errors.New("something encrypted without data")
	}
	value := child(data, encryptionNS, "CipherValue")
	if value == nil {
		return nil, errors.New("something encrypted that is elsewhere")
	}
	return base64.StdEncoding.DecodeString(blanks.ReplaceAllString(value.Text(), ""))
}

// openGCM takes the nonce from before the text and the tag from behind it.
func openGCM(block cipher.Block, text []byte) ([]byte, error) {
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(text) < aead.NonceSize() {
		return nil, errSealed
	}
	out, err := aead.Open(nil, text[:aead.NonceSize()], text[aead.NonceSize():], nil)
	if err != nil {
		return nil, errSealed
	}
	return out, nil
}

// openCBC leaves a padding that is none in place: whether it was right, nobody
// who changed the text is told, for what follows is read all the same.
func openCBC(block cipher.Block, text []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(text) < 2*size || len(text)%size != 0 {
		return nil, errSealed
	}
	out := make([]byte, len(text)-size)
	cipher.NewCBCDecrypter(block, text[:size]).CryptBlocks(out, text[size:])
	if n := int(out[len(out)-1]); n >= 1 && n <= size {
		out = out[:len(out)-n]
	}
	return out, nil
}
