// Package slapd starts OpenLDAP servers for tests: each in a directory of its
// own, on ports of its own, with a certificate of its own authority.
package slapd

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// The directory's suffix, and who may do anything in it.
const (
	Suffix   = "dc=example,dc=org"
	Admin    = "cn=admin," + Suffix
	Password = "admin-secret"
)

// Server is a directory. It holds ou=Users, ou=UserGroups and what Start was given.
type Server struct {
	URL, TLSURL string // ldap://, ldaps://
	CA          string // file of the authority that signed its certificate
	Dir         string

	process *exec.Cmd
	log     bytes.Buffer
}

// base is what is in every directory. Reader is told of five entries at once.
const base = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: example

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: reader-secret

dn: ou=Users,dc=example,dc=org
objectClass: organizationalUnit

dn: ou=UserGroups,dc=example,dc=org
objectClass: organizationalUnit

`

const conf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile %[1]s/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw admin-secret
directory %[1]s/db
maxsize 16777216
dbnosync
limits dn.exact="cn=reader,dc=example,dc=org" size=5 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`

// Start starts a directory that holds what the LDIF says; it ends with the test.
func Start(t testing.TB, ldif string) *Server {
	t.Helper()
	if _, err := exec.LookPath("slapd"); err != nil {
		t.Fatal("slapd is missing: scripts/install test installs it")
	}
	s := &Server{Dir: t.TempDir()}
	s.choose(t)
	if err := os.Mkdir(filepath.Join(s.Dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.certify(t)
	s.write(t, "slapd.conf", fmt.Sprintf(conf, s.Dir))
	s.write(t, "base.ldif", base+ldif)
	if out, err := exec.Command("slapadd", "-f", filepath.Join(s.Dir, "slapd.conf"), "-l", filepath.Join(s.Dir, "base.ldif")).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	s.Run(t)
	t.Cleanup(s.Stop)
	return s
}

// Run starts the server again after Stop.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.process = exec.Command("slapd", "-f", filepath.Join(s.Dir, "slapd.conf"), "-h", s.URL+" "+s.TLSURL, "-d", "0")
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := goldap.DialURL(s.URL)
		if err == nil {
			err = c.Bind(Admin, Password)
			c.Close()
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Stop()
			t.Fatalf("slapd does not answer: %v: %s", err, s.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop ends the server; what it holds stays.
func (s *Server) Stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// Change calls fn with a connection that may do anything.
func (s *Server) Change(t testing.TB, fn func(c *goldap.Conn) error) {
	t.Helper()
	c, err := goldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(Admin, Password); err != nil {
		t.Fatal(err)
	}
	if err := fn(c); err != nil {
		t.Fatal(err)
	}
}

// Delete removes an entry.
func (s *Server) Delete(t testing.TB, dn string) {
	t.Helper()
	s.Change(t, func(c *goldap.Conn) error { return c.Del(goldap.NewDelRequest(dn, nil)) })
}

// User is the LDIF of a user whose password is its name and "-secret". More are
// lines of attributes.
func User(uid, name string, more ...string) string {
	return "dn: uid=" + uid + ",ou=Users," + Suffix + "\nobjectClass: inetOrgPerson\nuid: " + uid + "\ncn: " + name + "\nsn: " + name +
		"\nuserPassword: " + uid + "-secret\n" + lines(more) + "\n"
}

// Group is the LDIF of a group with these users.
func Group(cn string, uids ...string) string {
	more := []string{"ou: " + cn}
	for _, uid := range uids {
		more = append(more, "member: uid="+uid+",ou=Users,"+Suffix)
	}
	return "dn: cn=" + cn + ",ou=UserGroups," + Suffix + "\nobjectClass: groupOfNames\ncn: " + cn + "\n" + lines(more) + "\n"
}

func lines(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\n") + "\n"
}

// choose gives the server two free ports: the first is held until the other is found.
func (s *Server) choose(t testing.TB) {
	for scheme, url := range map[string]*string{"ldap://": &s.URL, "ldaps://": &s.TLSURL} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		*url = scheme + l.Addr().String()
	}
}

func (s *Server) write(t testing.TB, name, text string) string {
	file := filepath.Join(s.Dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certify makes an authority and a certificate of it for 127.0.0.1.
func (s *Server) certify(t testing.TB) {
	authority, authorityKey := s.certificate(t, nil, nil, "ca.pem", "ca-key.pem")
	s.certificate(t, authority, authorityKey, "cert.pem", "key.pem")
	s.CA = filepath.Join(s.Dir, "ca.pem")
}

func (s *Server) certificate(t testing.TB, parent *x509.Certificate, signer *ecdsa.PrivateKey, certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: certFile}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
