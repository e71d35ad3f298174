package service

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var trustAttributes = []string{"id", "trustor_user_id", "trustee_user_id", "project_id", "impersonation", "expires_at", "remaining_uses",
	"deleted_at", "redelegated_trust_id", "redelegation_count", "allow_redelegation", "roles", "roles_links", "links"}

// Trust is a trust that gives tokens, or 404. One that hands another on is
// good only while all that it stands on are.
func (s *Service) Trust(ctx context.Context, id string) (keystone.Trust, error) {
	t, err := s.liveTrust(ctx, id)
	if err == nil && !t.Usable(s.clock.Now()) {
		err = missing(db.ErrNoRow, "trust", id)
	}
	return t, err
}

// liveTrust is Trust for one that may have been used up: the tokens it has
// given stay good.
func (s *Service) liveTrust(ctx context.Context, id string) (keystone.Trust, error) {
	t, err := s.endingTrust(ctx, id)
	if err != nil || t.RedelegatedTrustID == "" {
		return t, err
	}
	return t, s.checkPedigree(ctx, t)
}

// endingTrust is a trust that was not deleted and has not expired, whatever it stands on.
func (s *Service) endingTrust(ctx context.Context, id string) (keystone.Trust, error) {
	t, err := s.store.Trust(ctx, id)
	if err == nil && !t.Live(s.clock.Now()) {
		err = db.ErrNoRow
	}
	return t, missing(err, "trust", id)
}

// pedigree lists a trust and those it stands on, up to the first.
func (s *Service) pedigree(ctx context.Context, t keystone.Trust) ([]keystone.Trust, error) {
	chain := []keystone.Trust{t}
	for t.RedelegatedTrustID != "" && len(chain) <= s.cfg.MaxRedelegationCount+1 {
		above, err := s.endingTrust(ctx, t.RedelegatedTrustID)
		if err != nil {
			return nil, err
		}
		chain = append(chain, above)
		t = above
	}
	return chain, nil
}

// checkPedigree refuses a trust when one that it stands on does not carry it any more.
func (s *Service) checkPedigree(ctx context.Context, t keystone.Trust) error {
	chain, err := s.pedigree(ctx, t)
	if err != nil {
		return err
	}
	for i, parent := range chain[1:] {
		child := chain[i]
		if err := s.mayRedelegate(parent, &child); err != nil {
			return err
		}
		agent, err := s.identities.User(ctx, parent.TrusteeUserID)
		if errors.Is(err, db.ErrNoRow) || err == nil && !agent.Enabled {
			return fault.Forbidden("One of the trust agents is disabled or deleted")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// mayRedelegate refuses a trust that would give more than the one it hands
// on. One without an expiry gets that of its parent.
func (s *Service) mayRedelegate(parent keystone.Trust, t *keystone.Trust) error {
	switch {
	case parent.RedelegationCount <= 0 || parent.RedelegationCount > s.cfg.MaxRedelegationCount:
		return fault.Forbidden("Remaining redelegation depth of %d out of allowed range of [0..%d]", parent.RedelegationCount, s.cfg.MaxRedelegationCount)
	case t.RemainingUses != nil:
		return fault.Forbidden(`Field "remaining_uses" is set to %d while it must not be set in order to redelegate a trust`, *t.RemainingUses)
	case t.ExpiresAt != nil && parent.ExpiresAt != nil && parent.ExpiresAt.Before(*t.ExpiresAt):
		return fault.Forbidden("Requested expiration time is more than redelegated trust can provide")
	case t.ProjectID != parent.ProjectID:
		return fault.Forbidden("Requested project is not that of the redelegated trust")
	case slices.ContainsFunc(t.RoleIDs, func(id string) bool { return !slices.Contains(parent.RoleIDs, id) }):
		return fault.Forbidden("Some of requested roles are not in redelegated trust")
	case t.Impersonation && !parent.Impersonation:
		return fault.Forbidden("Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: %s", parent.ID)
	}
	if t.ExpiresAt == nil {
		t.ExpiresAt = parent.ExpiresAt
	}
	return nil
}

// ShowTrust is Trust for a token that may look at trusts.
func (s *Service) ShowTrust(ctx context.Context, id string) (keystone.Trust, error) {
	if _, err := s.mayManageTrusts(ctx); err != nil {
		return keystone.Trust{}, err
	}
	return s.Trust(ctx, id)
}

// Trusts lists trusts, without their roles.
func (s *Service) Trusts(ctx context.Context, f keystone.TrustFilter) ([]keystone.Trust, error) {
	if _, err := s.mayManageTrusts(ctx); err != nil {
		return nil, err
	}
	return s.store.Trusts(ctx, f)
}

// CreateTrust lets somebody act for the caller. With a token of a trust it
// hands that one on.
func (s *Service) CreateTrust(ctx context.Context, a keystone.Attributes) (keystone.Trust, error) {
	t := keystone.Trust{ID: uuid.Hex(), TrustorUserID: a.Text("trustor_user_id"), TrusteeUserID: a.Text("trustee_user_id"), ProjectID: a.Text("project_id"),
		RemainingUses: whole(a, "remaining_uses")}
	a.SetFlag("impersonation", &t.Impersonation)
	a.Normalized().MergeExtra(&t.Extra, trustAttributes...)
	by, err := s.mayManageTrusts(ctx)
	if err != nil {
		return t, err
	}
	if roles, _ := a["roles"].([]any); t.ProjectID != "" && len(roles) == 0 {
		return t, forbiddenAction("At least one role should be specified")
	}
	if auth.Caller(ctx).UserID != t.TrustorUserID {
		return t, forbiddenAction("The authenticated user should match the trustor")
	}
	if _, err := s.User(ctx, t.TrusteeUserID); err != nil {
		return t, err
	}
	if t.RoleIDs, err = s.roleIDs(ctx, a["roles"]); err != nil {
		return t, err
	}
	if err := s.trustorHas(ctx, t); err != nil {
		return t, err
	}
	if t.ExpiresAt, err = s.expiryIn(a); err != nil {
		return t, err
	}
	if by.AccessToken != nil {
		return t, forbiddenAction("Redelegation allowed for delegated by trust only")
	}
	if err := s.setDepth(ctx, &t, a, by.Trust); err != nil {
		return t, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "OS-TRUST:trust", created, t.ID)
		return tx.InsertTrust(ctx, t)
	})
	return t, duplicate(err, "trust", "Duplicate entry")
}

// whole is a whole number that a client gave, or nil.
func whole(a keystone.Attributes, name string) *int {
	n, _ := a[name].(json.Number)
	v, err := n.Int64()
	if err != nil {
		return nil
	}
	i := int(v)
	return &i
}

// trustorHas refuses roles that the trustor does not have on the project.
func (s *Service) trustorHas(ctx context.Context, t keystone.Trust) error {
	var held []string
	if t.ProjectID != "" {
		p, err := s.Project(ctx, t.ProjectID)
		if err != nil {
			return err
		}
		if held, err = s.effectiveRoles(ctx, t.TrustorUserID, p); err != nil {
			return err
		}
	}
	for _, id := range t.RoleIDs {
		if !slices.Contains(held, id) {
			return fault.NotFound("Could not find role: %s.", id)
		}
	}
	return nil
}

// effectiveRoles lists the roles that a user has on a project: those of
// groups, inherited and implied ones, and those of domains too.
func (s *Service) effectiveRoles(ctx context.Context, userID string, p keystone.Project) ([]string, error) {
	above, err := s.above(ctx, p)
	if err != nil {
		return nil, err
	}
	granted, err := s.grantedRoles(ctx, userID, keystone.TargetProject, p.ID, above)
	if err != nil {
		return nil, err
	}
	implied, err := s.store.Implied(ctx)
	return implied.Closure(granted), err
}

// setDepth works out how often a trust may be handed on; parent is the one
// that it hands on itself, if any.
func (s *Service) setDepth(ctx context.Context, t *keystone.Trust, a keystone.Attributes, parent *keystone.Trust) error {
	asked := whole(a, "redelegation_count")
	allowed, _ := a["allow_redelegation"].(bool)
	allowed = allowed && (asked == nil || *asked != 0)
	limit := s.cfg.MaxRedelegationCount
	switch {
	case allowed && asked != nil && *asked > limit:
		return fault.Forbidden("Requested redelegation depth of %d is greater than allowed %d", *asked, limit)
	case allowed && t.RemainingUses != nil:
		return fault.BadRequest("remaining_uses must not be set if redelegation is allowed")
	}
	t.RedelegationCount = 0
	if allowed {
		t.RedelegationCount = limit
		if asked != nil {
			t.RedelegationCount = *asked
		}
	}
	if parent == nil {
		return nil
	}
	t.RedelegatedTrustID = parent.ID
	left := parent.RedelegationCount - 1
	if allowed && asked != nil && *asked != left {
		return fault.Forbidden(`Modifying "redelegation_count" upon redelegation is forbidden. Omitting this parameter is advised.`)
	}
	if allowed {
		t.RedelegationCount = left
	}
	chain, err := s.pedigree(ctx, *parent)
	if err != nil {
		return err
	}
	for _, above := range chain {
		if err := s.mayRedelegate(above, t); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTrust ends a trust and those that hand it on. Their tokens end with them.
func (s *Service) DeleteTrust(ctx context.Context, id string) error {
	if _, err := s.mayManageTrusts(ctx); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return s.deleteTrust(ctx, tx, id) })
	return missing(err, "trust", id)
}

func (s *Service) deleteTrust(ctx context.Context, tx *store.Tx, id string) error {
	below, err := tx.RedelegatedTrusts(ctx, id)
	if err != nil {
		return err
	}
	for _, t := range below {
		if err := s.deleteTrust(ctx, tx, t.ID); err != nil {
			return err
		}
	}
	if err := s.revoke(ctx, tx, keystone.Revocation{TrustID: id}); err != nil {
		return err
	}
	s.notify(ctx, tx, "OS-TRUST:trust", deleted, id)
	return tx.DeleteTrust(ctx, id, s.clock.Now())
}

// consumeTrust takes one of a trust's uses away; 403 if none is left.
func (s *Service) consumeTrust(ctx context.Context, t keystone.Trust) error {
	if t.RemainingUses == nil {
		return nil
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.ConsumeTrust(ctx, t.ID) })
	if errors.Is(err, db.ErrNoRow) {
		return fault.Forbidden("No remaining uses for trust: %s.", t.ID)
	}
	return err
}

// FlushTrusts removes trusts for good that were deleted or have expired: the
// original's trust_flush. A zero time is now.
func (s *Service) FlushTrusts(ctx context.Context, f keystone.TrustFlush) (n int64, err error) {
	if f.Before.IsZero() {
		f.Before = s.clock.Now()
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err = tx.FlushTrusts(ctx, f)
		return err
	})
	return n, err
}
