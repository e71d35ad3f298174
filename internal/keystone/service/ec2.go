package service

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/signature"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// EC2Credential is an EC2 credential by its access key, or 404.
func (s *Service) EC2Credential(ctx context.Context, access string) (keystone.Credential, error) {
	c, err := s.Credential(ctx, keystone.EC2CredentialID(access))
	if err == nil && c.Type != keystone.CredentialEC2 {
		err = unauthorized("credential %s is of type %s", c.ID, c.Type)
	}
	return c, err
}

// ReachableEC2Credential is EC2Credential for the caller's token, which
// cannot reach over its delegation.
func (s *Service) ReachableEC2Credential(ctx context.Context, access string) (keystone.Credential, error) {
	c, err := s.EC2Credential(ctx, access)
	if err != nil {
		return c, err
	}
	t, err := s.CallerToken(ctx)
	if err != nil {
		return c, err
	}
	return c, withinDelegation(t, c.ProjectID, "EC2 credential")
}

// EC2Credentials lists a user's that the caller's token can reach.
func (s *Service) EC2Credentials(ctx context.Context, userID string) ([]keystone.Credential, error) {
	if _, err := s.User(ctx, userID); err != nil {
		return nil, err
	}
	t, err := s.CallerToken(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.credentialsOf(ctx, userID, keystone.CredentialEC2)
	return slices.DeleteFunc(rows, func(c keystone.Credential) bool { return withinDelegation(t, c.ProjectID, "") != nil }), err
}

// CreateEC2Credential makes a key pair for a user on a project.
func (s *Service) CreateEC2Credential(ctx context.Context, userID, projectID string) (keystone.Credential, error) {
	t, err := s.CallerToken(ctx)
	if err != nil {
		return keystone.Credential{}, err
	}
	if err := unrestricted(t, "application credentials."); err != nil {
		return keystone.Credential{}, err
	}
	if _, err := s.User(ctx, userID); err != nil {
		return keystone.Credential{}, err
	}
	if _, err := s.Project(ctx, projectID); err != nil {
		return keystone.Credential{}, err
	}
	if err := withinDelegation(t, projectID, "EC2 credential"); err != nil {
		return keystone.Credential{}, err
	}
	blob, err := json.Marshal(map[string]any{"access": uuid.Hex(), "secret": uuid.Hex(), "trust_id": nil})
	if err != nil {
		return keystone.Credential{}, err
	}
	c := keystone.Credential{UserID: userID, ProjectID: projectID, Type: keystone.CredentialEC2, Blob: string(blob), Extra: map[string]any{}}
	if err := bindEC2(&c, t); err != nil {
		return c, err
	}
	return s.keepCredential(ctx, c)
}

// SignedRequest is a request that somebody signed with an EC2 credential.
type SignedRequest struct {
	Access    string
	Signature string
	EC2       signature.EC2
	S3        string // what was signed, base64, if it is a request to S3
}

// AuthenticateEC2 issues a token to whoever signed a request to EC2.
func (s *Service) AuthenticateEC2(ctx context.Context, r SignedRequest) (keystone.Token, error) {
	return s.authenticateSigned(ctx, r, func(secret string) error {
		for _, host := range hostsOf(r.EC2.Host) {
			r.EC2.Host = host
			want, err := r.EC2.Sign(secret)
			if err != nil {
				return unauthorized("EC2 request: %v", err)
			}
			if r.Signature != "" && signature.Equal(want, r.Signature) {
				return nil
			}
		}
		return unauthorized("the EC2 signature is not that of access key %s", r.Access)
	})
}

// hostsOf are the names that a client may have signed: some leave the port out.
func hostsOf(host string) []string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return []string{host, name}
	}
	return []string{host}
}

// AuthenticateS3 issues a token to whoever signed a request to S3.
func (s *Service) AuthenticateS3(ctx context.Context, r SignedRequest) (keystone.Token, error) {
	text, err := base64.URLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(r.S3))
	if err != nil {
		return keystone.Token{}, unauthorized("S3 request: %v", err)
	}
	return s.authenticateSigned(ctx, r, func(secret string) error {
		want, err := signature.S3(string(text), secret)
		if err != nil || r.Signature == "" || !signature.Equal(want, r.Signature) {
			return unauthorized("the S3 signature is not that of access key %s", r.Access)
		}
		return nil
	})
}

// authenticateSigned issues a token to whoever has the secret of the access
// key, which check asks for, and tells how that went.
func (s *Service) authenticateSigned(ctx context.Context, r SignedRequest, check func(secret string) error) (keystone.Token, error) {
	var claimed keystone.User
	t, err := s.tokenForSigned(ctx, r, check, &claimed)
	s.notifyLogin(ctx, claimed, nil, err)
	return t, err
}

func (s *Service) tokenForSigned(ctx context.Context, r SignedRequest, check func(secret string) error, claimed *keystone.User) (keystone.Token, error) {
	if r.Access == "" {
		return keystone.Token{}, unauthorized("no access key")
	}
	c, err := s.store.Credential(ctx, keystone.EC2CredentialID(r.Access))
	if errors.Is(err, db.ErrNoRow) || err == nil && c.Type != keystone.CredentialEC2 {
		return keystone.Token{}, fault.NotFound("EC2 access key not found.")
	} else if err != nil {
		return keystone.Token{}, err
	}
	claimed.ID = c.UserID
	if c, err = s.unsealed(c); err != nil {
		return keystone.Token{}, err
	}
	var blob keystone.EC2Blob
	if err := json.Unmarshal([]byte(c.Blob), &blob); err != nil || blob.Secret == "" {
		return keystone.Token{}, unauthorized("credential %s has no secret", c.ID)
	}
	if err := check(blob.Secret); err != nil {
		return keystone.Token{}, err
	}
	if err := s.fresh(r.EC2); err != nil {
		return keystone.Token{}, err
	}
	return s.tokenForEC2(ctx, c, blob)
}

// fresh refuses a request that was signed too long ago. One that does not say
// when it was signed is taken.
func (s *Service) fresh(r signature.EC2) error {
	for _, text := range []string{r.Params["Timestamp"], r.Headers["X-Amz-Date"], r.Params["X-Amz-Date"]} {
		if text == "" {
			continue
		}
		at, ok := parseTime(text)
		if !ok {
			return unauthorized("timestamp %q of the request", text)
		}
		if s.clock.Now().After(at.Add(s.cfg.CredentialAuthTTL)) {
			return unauthorized("the request was signed at %s", text)
		}
		return nil
	}
	return nil
}

// methodEC2 is how a token tells that a signed request was traded for it.
// Clients cannot ask for it, and the identity API does not take such a token.
const methodEC2 = "ec2credential"

// tokenForEC2 issues the token of a credential: of the delegation that made
// it, where its user still has a part in that, else of the user on the project.
func (s *Service) tokenForEC2(ctx context.Context, c keystone.Credential, blob keystone.EC2Blob) (keystone.Token, error) {
	p := proof{methods: []string{methodEC2}, scope: keystone.Scope{Project: &keystone.Ref{ID: c.ProjectID}}}
	userID := c.UserID
	switch {
	case blob.TrustID != "":
		t, err := s.Trust(ctx, blob.TrustID)
		if err != nil {
			return keystone.Token{}, asUnauthorized(err)
		}
		if !slices.Contains(usersOf(t), c.UserID) || t.ProjectID != c.ProjectID {
			return keystone.Token{}, unauthorized("credential %s has no part in trust %s", c.ID, t.ID)
		}
		userID, p.scope = t.TrusteeUserID, keystone.Scope{TrustID: t.ID}
	case blob.AppCredID != "":
		a, err := s.ApplicationCredential(ctx, blob.AppCredID)
		if err != nil {
			return keystone.Token{}, asUnauthorized(err)
		}
		if a.UserID != c.UserID || a.ProjectID != c.ProjectID {
			return keystone.Token{}, unauthorized("credential %s is not of application credential %s", c.ID, a.ID)
		}
		p.from = token.Payload{AppCredID: a.ID}
	case blob.AccessTokenID != "":
		a, err := s.store.AccessToken(ctx, blob.AccessTokenID)
		if errors.Is(err, db.ErrNoRow) || err == nil && (a.AuthorizingUserID != c.UserID || a.ProjectID != c.ProjectID) {
			return keystone.Token{}, unauthorized("credential %s is not of access token %s", c.ID, blob.AccessTokenID)
		} else if err != nil {
			return keystone.Token{}, err
		}
		p.from = token.Payload{AccessTokenID: a.ID}
	}
	var err error
	if p.user, err = s.User(ctx, userID); err != nil {
		return keystone.Token{}, asUnauthorized(err)
	}
	return s.issueFor(ctx, p)
}

// usersOf are those whom a token of the trust can name: by impersonation the trustor.
func usersOf(t keystone.Trust) []string {
	if t.Impersonation {
		return []string{t.TrustorUserID, t.TrusteeUserID}
	}
	return []string{t.TrusteeUserID}
}
