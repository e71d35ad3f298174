package sshkey

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"software.sslmate.com/src/go-pkcs12"
)

func TestFingerprint(t *testing.T) {
	const recorded = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIsSDpDYYgJzR9NbiWhLOhRXb5kVMoPGUFmyv3fpAVQ6 g@example"
	if got, err := Fingerprint(recorded); got != "43:c5:0a:f1:ce:e4:10:31:a5:31:27:db:3f:61:91:db" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	for _, bad := range []string{"", "nope", "ssh-rsa " + recorded[12:], "ssh-ed25519 AAAA", "ssh-ed25519 !!"} {
		if _, err := Fingerprint(bad); err == nil || err.Error() != "failed to generate fingerprint" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	pair, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey([]byte(pair.Private))
	if err != nil {
		t.Fatal(err)
	}
	public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(pair.Public))
	if err != nil || comment != "Generated-by-Nova" || string(public.Marshal()) != string(signer.PublicKey().Marshal()) {
		t.Errorf("%s %v", pair.Public, err)
	}
	if again, _ := Fingerprint(pair.Public); again != pair.Fingerprint {
		t.Errorf("%s, then %s", pair.Fingerprint, again)
	}
}

func TestGenerateCertificate(t *testing.T) {
	pair, err := GenerateCertificate("u1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(pair.Public))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.Subject.CommonName != "u1" || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Fatalf("%+v %v", cert, err)
	}
	data, err := base64.StdEncoding.DecodeString(pair.Private)
	if err != nil {
		t.Fatal(err)
	}
	if _, own, err := pkcs12.Decode(data, ""); err != nil || !own.Equal(cert) {
		t.Error(err)
	}
	if again, err := CertificateFingerprint(pair.Public); again != pair.Fingerprint || err != nil {
		t.Errorf("%s, then %s %v", pair.Fingerprint, again, err)
	}
	if _, err := CertificateFingerprint("nope"); err == nil {
		t.Error("nope is a certificate")
	}
}
