package token

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/jws"
)

// original is a token and what Keystone's own code finds in it.
type original struct {
	Token            string    `json:"token"`
	UserID           string    `json:"user_id"`
	Methods          []string  `json:"methods"`
	AuditIDs         []string  `json:"audit_ids"`
	System           string    `json:"system"`
	DomainID         string    `json:"domain_id"`
	ProjectID        string    `json:"project_id"`
	TrustID          string    `json:"trust_id"`
	GroupIDs         []string  `json:"group_ids"`
	IdentityProvider string    `json:"identity_provider_id"`
	Protocol         string    `json:"protocol_id"`
	AccessTokenID    string    `json:"access_token_id"`
	AppCredID        string    `json:"app_cred_id"`
	Thumbprint       string    `json:"thumbprint"`
	IssuedAt         time.Time `json:"issued_at"`
	ExpiresAt        time.Time `json:"expires_at"`
}

func (o original) payload() Payload {
	p := Payload{UserID: o.UserID, Methods: o.Methods, AuditIDs: o.AuditIDs, System: o.System == "all",
		DomainID: o.DomainID, ProjectID: o.ProjectID, TrustID: o.TrustID, GroupIDs: o.GroupIDs,
		IdentityProvider: o.IdentityProvider, Protocol: o.Protocol, AccessTokenID: o.AccessTokenID,
		AppCredID: o.AppCredID, Thumbprint: o.Thumbprint, IssuedAt: o.IssuedAt, ExpiresAt: o.ExpiresAt}
	if p.Methods == nil {
		p.Methods = []string{}
	}
	if p.Federated() && p.GroupIDs == nil {
		p.GroupIDs = []string{}
	}
	return p
}

func (o original) receipt() Receipt {
	return Receipt{UserID: o.UserID, Methods: o.Methods, IssuedAt: o.IssuedAt, ExpiresAt: o.ExpiresAt}
}

// TestOriginal reads tokens that Keystone's own formatter made (testdata/original.py)
// and packs what they say into the very same bytes.
func TestOriginal(t *testing.T) {
	doc, keys := recorded(t)
	tokens := NewFernet(repository(t, keys...), nil)
	versions := map[int]bool{}
	for _, o := range doc.Tokens {
		got, err := tokens.Read(t.Context(), o.Token)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if d := cmp.Diff(o.payload(), got); d != "" {
			t.Errorf("payload (-want +got):\n%s", d)
		}
		version, _ := got.version()
		versions[version] = true
		want, _, _ := open(o.Token, keys)
		if msg, err := got.pack(DefaultMethods); err != nil || string(msg) != string(want) {
			t.Errorf("%+v:\npacked %x (%v)\nwant   %x", o, msg, err, want)
		}
	}
	if len(versions) != len(layouts) {
		t.Errorf("only the layouts %v were tried", versions)
	}
}

// TestOriginalReceipt is TestOriginal for receipts.
func TestOriginalReceipt(t *testing.T) {
	doc, keys := recorded(t)
	receipts := NewReceipts(repository(t, keys...), nil)
	for _, o := range doc.Receipts {
		got, err := receipts.Read(o.Token)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if d := cmp.Diff(o.receipt(), got); d != "" {
			t.Errorf("receipt (-want +got):\n%s", d)
		}
		want, _, _ := open(o.Token, keys)
		if msg, err := got.pack(DefaultMethods); err != nil || string(msg) != string(want) {
			t.Errorf("%+v:\npacked %x (%v)\nwant   %x", o, msg, err, want)
		}
	}
}

type recording struct {
	Keys     []string
	Tokens   []original
	Receipts []original
}

func recorded(t *testing.T) (doc recording, keys []Key) {
	t.Helper()
	text, err := os.ReadFile("testdata/original.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Keys {
		k, err := ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return doc, keys
}

// keystone runs testdata/original.py with Debian's python3-keystone.
func keystone(t *testing.T, stdin string, args ...string) (found []original) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{"testdata/original.py"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func needKeystone(t *testing.T) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import keystone").Run(); err != nil {
		t.Fatal("python3-keystone is not installed: scripts/install test")
	}
}

// TestExchange has an installed Keystone and us read each other's tokens, with the same keys.
func TestExchange(t *testing.T) {
	needKeystone(t)
	t.Run("fernet", func(t *testing.T) {
		r := repository(t)
		exchange(t, NewFernet(r, nil), r.dir)
	})
	t.Run("jws", func(t *testing.T) {
		dir := t.TempDir()
		keys, err := jws.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, NewJWS(keys), dir, "jws")
	})
}

func exchange(t *testing.T, tokens Provider, args ...string) {
	var ours strings.Builder
	theirs := keystone(t, "", args...)
	for _, o := range theirs {
		got, err := tokens.Read(t.Context(), o.Token)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if d := cmp.Diff(o.payload(), got); d != "" {
			t.Errorf("payload (-want +got):\n%s", d)
		}
		tok, err := tokens.Issue(t.Context(), got)
		if err != nil {
			t.Fatal(err)
		}
		ours.WriteString(tok + "\n")
	}
	for i, o := range keystone(t, ours.String(), append(args, "read")...) {
		if d := cmp.Diff(theirs[i].payload(), o.payload()); d != "" {
			t.Errorf("what Keystone finds in our token (-want +got):\n%s", d)
		}
	}
}

// TestExchangeReceipts is TestExchange for receipts.
func TestExchangeReceipts(t *testing.T) {
	needKeystone(t)
	r := repository(t)
	receipts := NewReceipts(r, nil)
	var ours strings.Builder
	theirs := keystone(t, "", r.dir, "receipts")
	for _, o := range theirs {
		got, err := receipts.Read(o.Token)
		if err != nil || !cmp.Equal(got, o.receipt()) {
			t.Fatalf("%+v: %+v %v", o, got, err)
		}
		text, err := receipts.Issue(got)
		if err != nil {
			t.Fatal(err)
		}
		ours.WriteString(text + "\n")
	}
	for i, o := range keystone(t, ours.String(), r.dir, "receipts", "read") {
		if d := cmp.Diff(theirs[i].receipt(), o.receipt()); d != "" {
			t.Errorf("what Keystone finds in our receipt (-want +got):\n%s", d)
		}
	}
}
