package httpapi

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// CertificateHeader is where a trusted proxy puts the certificate of a client
// whose key it has checked: in PEM, escaped as in a URL (nginx:
// $ssl_client_escaped_cert), or in DER, as base64 (HAProxy: ssl_c_der,base64).
const CertificateHeader = "SSL-Client-Cert"

// ClientCertificate is the certificate whose key the client has, as this
// server has seen in the handshake, or nil. From a trusted proxy it is what
// the header says, and from nobody else.
func (c *Call) ClientCertificate() *x509.Certificate {
	if c.api.door.trusts(c.R) {
		return certificateIn(c.R.Header.Values(CertificateHeader))
	}
	if t := c.R.TLS; t != nil && len(t.VerifiedChains) > 0 {
		return t.VerifiedChains[0][0]
	}
	return nil
}

// trusts reports whether a request comes from a proxy that ends TLS for us.
func (d Door) trusts(r *http.Request) bool {
	at, err := netip.ParseAddr(clientAddress(r))
	if err != nil {
		return false
	}
	for _, p := range d.CertificateProxies {
		if p.Contains(at.Unmap()) {
			return true
		}
	}
	return false
}

// certificateIn reads the header. What is no certificate, or several, is none.
func certificateIn(values []string) *x509.Certificate {
	if len(values) != 1 {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(values[0])
	if err != nil {
		text, err := url.PathUnescape(values[0])
		if err != nil {
			return nil
		}
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			return nil
		}
		der = block.Bytes
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return cert
}
