package peers

import (
	"context"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"

	"nacre/internal/oslo/auth"
)

// Trust lets this service act for the caller, in the caller's project and with
// no more roles, until a time. Its ID is no secret: only our user gets a token by it.
func (k *Keystone) Trust(ctx context.Context, until time.Time) (string, error) {
	own, err := k.session.Client(ctx, "identity")
	if err != nil {
		return "", err
	}
	us, err := tokens.Get(ctx, own, own.Token()).ExtractUser()
	if err != nil {
		return "", fmt.Errorf("our own user: %w", err)
	}
	client, err := k.session.As(ctx, "identity")
	if err != nil {
		return "", err
	}
	caller := auth.Caller(ctx)
	until = until.UTC()
	opts := trusts.CreateOpts{Impersonation: true, TrusteeUserID: us.ID, TrustorUserID: caller.UserID, ProjectID: caller.ProjectID, ExpiresAt: &until}
	for _, role := range caller.Roles {
		opts.Roles = append(opts.Roles, trusts.Role{Name: role})
	}
	trust, err := trusts.Create(ctx, client, opts).Extract()
	if err != nil {
		return "", fmt.Errorf("trust of user %s: %w", caller.UserID, err)
	}
	return trust.ID, nil
}

// TokenByTrust is the token of somebody who trusts this service.
func (k *Keystone) TokenByTrust(ctx context.Context, trust string) (string, error) {
	return k.session.TokenByTrust(ctx, trust)
}

// EndTrust ends a trust in the name of who gave it, and the tokens by it.
func (k *Keystone) EndTrust(ctx context.Context, trust string) error {
	token, err := k.TokenByTrust(ctx, trust)
	if err != nil {
		return err
	}
	client, err := k.session.As(auth.WithCaller(ctx, auth.Identity{Token: token}), "identity")
	if err != nil {
		return err
	}
	return trusts.Delete(ctx, client, trust).ExtractErr()
}
