package keystoneauth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"nacre/internal/oslo/auth"
)

// Validator asks a Keystone that runs elsewhere, ours or the original, what
// tokens stand for: what keystonemiddleware is to the original's services.
type Validator struct {
	session *Session
	client  http.Client
	url     string
	keep    time.Duration

	mu   sync.Mutex
	kept map[[sha256.Size]byte]answered
}

// answered is what Keystone said of a token.
type answered struct {
	identity auth.Identity
	until    time.Time
}

// maxKept bounds the tokens that are remembered.
const maxKept = 10000

// NewValidator asks with the session's token, whose user may validate others'.
// What Keystone says is believed for as long as keep says: so long a token
// that was revoked is accepted. 0 asks at every call.
func NewValidator(s *Session, keep time.Duration) *Validator {
	return &Validator{session: s, client: http.Client{Transport: s.transport}, url: strings.TrimSuffix(s.cfg.AuthURL, "/") + "/auth/tokens", keep: keep,
		kept: map[[sha256.Size]byte]answered{}}
}

// Validate implements auth.Validator.
func (v *Validator) Validate(ctx context.Context, token string) (auth.Identity, error) {
	id, err := v.validate(ctx, token, "")
	if err == nil && !time.Now().Before(id.ExpiresAt) {
		err = auth.ErrInvalid
	}
	return id, err
}

// ValidateExpired is Validate that knows a token for as long after it has
// expired as Keystone does, its option allow_expired_window.
func (v *Validator) ValidateExpired(ctx context.Context, token string) (auth.Identity, error) {
	return v.validate(ctx, token, "?allow_expired=1")
}

// validate gives what Keystone says of a token, or has said, expired or not.
func (v *Validator) validate(ctx context.Context, token, query string) (auth.Identity, error) {
	key, now := sha256.Sum256([]byte(token)), time.Now()
	v.mu.Lock()
	known, ok := v.kept[key]
	v.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.identity, nil
	}
	id, err := v.ask(ctx, token, query)
	if err == nil && v.keep > 0 {
		v.remember(key, answered{id, now.Add(v.keep)}, now)
	}
	return id, err
}

func (v *Validator) remember(key [sha256.Size]byte, a answered, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.kept) >= maxKept {
		for old, at := range v.kept {
			if !now.Before(at.until) {
				delete(v.kept, old)
			}
		}
	}
	if len(v.kept) >= maxKept {
		clear(v.kept)
	}
	v.kept[key] = a
}

// ask asks Keystone, again if this service's own token was revoked.
func (v *Validator) ask(ctx context.Context, token, query string) (auth.Identity, error) {
	own, err := v.session.Token(ctx)
	if err != nil {
		return auth.Identity{}, err
	}
	status, id, err := v.send(ctx, own, token, query)
	if err == nil && status == http.StatusUnauthorized {
		v.session.forget(own)
		if own, err = v.session.Token(ctx); err == nil {
			status, id, err = v.send(ctx, own, token, query)
		}
	}
	switch {
	case err != nil:
		return auth.Identity{}, fmt.Errorf("ask keystone about a token: %w", err)
	case status == http.StatusOK:
		return id, nil
	case status == http.StatusNotFound:
		return auth.Identity{}, auth.ErrInvalid
	}
	return auth.Identity{}, fmt.Errorf("keystone answers %d when asked about a token", status)
}

func (v *Validator) send(ctx context.Context, own, token, query string) (int, auth.Identity, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+query, nil)
	if err != nil {
		return 0, auth.Identity{}, err
	}
	r.Header.Set("X-Auth-Token", own)
	r.Header.Set("X-Subject-Token", token)
	r.Header.Set("OpenStack-Identity-Access-Rules", "1.0") // whoever asks so enforces them
	res, err := v.client.Do(r)
	if err != nil {
		return 0, auth.Identity{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode, auth.Identity{}, nil
	}
	var body struct{ Token tokenBody }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return 0, auth.Identity{}, err
	}
	return res.StatusCode, body.Token.identity(), nil
}

// ref is something that a token names.
type ref struct {
	ID     string
	Name   string
	Domain *ref
}

// tokenBody is a token as Keystone shows it.
type tokenBody struct {
	Methods   []string
	AuditIDs  []string  `json:"audit_ids"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	User      struct {
		ref
		Federation *struct {
			IdentityProvider ref `json:"identity_provider"`
			Protocol         ref
			Groups           []ref
		} `json:"OS-FEDERATION"`
	}
	Project *ref
	Domain  *ref
	System  *struct{ All bool }
	Roles   []ref
	Trust   *struct {
		ID      string
		Trustor ref `json:"trustor_user"`
		Trustee ref `json:"trustee_user"`
	} `json:"OS-TRUST:trust"`
	OAuth1 *struct {
		AccessTokenID string `json:"access_token_id"`
		ConsumerID    string `json:"consumer_id"`
	} `json:"OS-OAUTH1"`
	AppCred *struct {
		ID          string
		Restricted  bool
		AccessRules []auth.AccessRule `json:"access_rules"`
	} `json:"application_credential"`
}

func (t tokenBody) identity() auth.Identity {
	id := auth.Identity{UserID: t.User.ID, UserName: t.User.Name, AuditIDs: t.AuditIDs, Methods: t.Methods, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
		System: t.System != nil && t.System.All}
	if d := t.User.Domain; d != nil {
		id.UserDomainID, id.UserDomainName = d.ID, d.Name
	}
	if p := t.Project; p != nil {
		id.ProjectID, id.ProjectName = p.ID, p.Name
		if p.Domain != nil {
			id.ProjectDomainID, id.ProjectDomainName = p.Domain.ID, p.Domain.Name
		}
	}
	if d := t.Domain; d != nil {
		id.DomainID, id.DomainName = d.ID, d.Name
	}
	for _, r := range t.Roles {
		id.Roles, id.RoleIDs = append(id.Roles, r.Name), append(id.RoleIDs, r.ID)
	}
	t.delegation(&id)
	return id
}

// delegation fills in by whose leave the caller acts.
func (t tokenBody) delegation(id *auth.Identity) {
	if f := t.User.Federation; f != nil {
		id.IdentityProvider, id.Protocol = f.IdentityProvider.ID, f.Protocol.ID
		for _, g := range f.Groups {
			id.GroupIDs = append(id.GroupIDs, g.ID)
		}
	}
	if tr := t.Trust; tr != nil {
		id.TrustID, id.TrustorID, id.TrusteeID = tr.ID, tr.Trustor.ID, tr.Trustee.ID
	}
	if o := t.OAuth1; o != nil {
		id.AccessTokenID, id.ConsumerID = o.AccessTokenID, o.ConsumerID
	}
	if c := t.AppCred; c != nil {
		id.AppCredID, id.Restricted, id.AccessRules = c.ID, c.Restricted, c.AccessRules
	}
}
