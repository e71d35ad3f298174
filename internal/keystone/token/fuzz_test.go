package token

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nacre/internal/oslo/jws"
)

// payloads are what fuzzing begins with.
var payloads = []Payload{{UserID: "u"}, {UserID: "f798945381344b149db1e5ee872b0540", System: true, AuditIDs: []string{"_Qznl5rtQzyj9Ex1-LHzxw"}},
	{UserID: "u", ProjectID: "p"}, {UserID: "u", DomainID: "default"}, {UserID: "u", ProjectID: "p", TrustID: "t"},
	{UserID: "u", GroupIDs: []string{"g"}, IdentityProvider: "i", Protocol: "p"}, {UserID: "u", ProjectID: "p", AppCredID: "a"}}

// FuzzRead: no text is a token without the key, and what is sealed with it is
// read as a token that reads the same when it is issued again, or refused.
func FuzzRead(f *testing.F) {
	r := repository(f)
	keys, _ := r.Keys()
	for _, p := range payloads {
		msg, err := p.pack(DefaultMethods)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("gAAAA", msg)
	}
	tokens := NewFernet(r, nil)
	f.Fuzz(func(t *testing.T, tok string, msg []byte) {
		if _, err := tokens.Read(t.Context(), tok); err == nil {
			t.Fatal("a token was forged")
		}
		sealed, err := seal(msg, time.Unix(1e9, 0), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		again(t, tokens, sealed)
	})
}

// FuzzReadJWS is FuzzRead for claims that were signed.
func FuzzReadJWS(f *testing.F) {
	keys, err := jws.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range payloads {
		p.IssuedAt, p.ExpiresAt = time.Unix(1e9, 0), time.Unix(2e9, 0)
		text, err := json.Marshal(claimsOf(p))
		if err != nil {
			f.Fatal(err)
		}
		f.Add("a.b.c", text)
	}
	tokens := NewJWS(keys)
	f.Fuzz(func(t *testing.T, tok string, text []byte) {
		if _, err := tokens.Read(t.Context(), tok); err == nil {
			t.Fatal("a token was forged")
		}
		var c jws.Claims
		if json.Unmarshal(text, &c) != nil {
			return
		}
		signed, err := keys.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		again(t, tokens, signed)
	})
}

// roughly: dates are packed as floating-point numbers, to the microsecond in this century.
var roughly = cmpopts.EquateApproxTime(time.Millisecond)

// again issues what a genuine token says and wants it to say the same.
func again(t *testing.T, tokens Provider, tok string) {
	p, err := tokens.Read(t.Context(), tok)
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
		return
	}
	if p.UserID == "" {
		t.Fatal("a token of nobody")
	}
	copied, err := tokens.Issue(t.Context(), p)
	if err != nil {
		t.Fatalf("read but not issued: %+v: %v", p, err)
	}
	got, err := tokens.Read(t.Context(), copied)
	if err != nil {
		t.Fatalf("issued but not read: %+v: %v", p, err)
	}
	if d := cmp.Diff(p, got, cmpopts.EquateEmpty(), roughly); d != "" {
		t.Fatalf("says something else when issued again:\n%s", d)
	}
}

// FuzzReadReceipt is FuzzRead for receipts.
func FuzzReadReceipt(f *testing.F) {
	r := repository(f)
	keys, _ := r.Keys()
	for _, rec := range []Receipt{{UserID: "u", Methods: []string{"password"}}, {UserID: "f798945381344b149db1e5ee872b0540", ExpiresAt: time.Unix(2e9, 1000)}} {
		msg, err := rec.pack(DefaultMethods)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("gAAAA", msg)
	}
	receipts := NewReceipts(r, nil)
	f.Fuzz(func(t *testing.T, text string, msg []byte) {
		if _, err := receipts.Read(text); err == nil {
			t.Fatal("a receipt was forged")
		}
		sealed, err := seal(msg, time.Unix(1e9, 0), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		rec, err := receipts.Read(sealed)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		copied, err := receipts.Issue(rec)
		if err != nil {
			t.Fatalf("read but not issued: %+v: %v", rec, err)
		}
		if got, err := receipts.Read(copied); err != nil || !cmp.Equal(rec, got, roughly) {
			t.Fatalf("%+v says something else when issued again: %+v %v", rec, got, err)
		}
	})
}
