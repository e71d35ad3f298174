package sso

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/crewjam/saml"

	"nacre/internal/oslo/clock"
)

// TestFetchedMetadata: what is fetched for one client is there for all others,
// though that one has left, and is believed no longer than it says itself.
func TestFetchedMetadata(t *testing.T) {
	now := clock.System.Now()
	d := saml.EntityDescriptor{EntityID: fuzzIDP, ValidUntil: now.Add(2 * metadataTime), IDPSSODescriptors: make([]saml.IDPSSODescriptor, 1)}
	d.IDPSSODescriptors[0].KeyDescriptors = []saml.KeyDescriptor{{Use: "signing", KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{
		X509Certificates: []saml.X509Certificate{{Data: base64.StdEncoding.EncodeToString(fuzzed(t).certs[0].Raw)}}}}}}
	text, err := xml.Marshal(&d)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer server.Close()
	s := &SAML{cfg: SAMLConfig{Metadata: server.URL}, client: server.Client(), clock: clock.Fixed(now)}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := s.metadata(left, metadataTime); err != nil {
		t.Errorf("for one who left: %v", err)
	}
	text = nil
	s.clock = clock.Fixed(now.Add(metadataTime + time.Minute))
	if idp, _, err := s.metadata(t.Context(), metadataTime); err != nil || idp.EntityID != fuzzIDP {
		t.Errorf("that of before: %v", err)
	}
	s.clock = clock.Fixed(d.ValidUntil.Add(time.Minute))
	if _, _, err := s.metadata(t.Context(), metadataTime); err == nil {
		t.Error("believed after its end")
	}
}
