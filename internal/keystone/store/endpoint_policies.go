package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	policies           = db.Table[keystone.Policy]("policies")
	policyAssociations = db.Table[keystone.PolicyAssociation]("policy_associations")
)

// Policy is the policy with that ID, or ErrNoRow.
func (r reads) Policy(ctx context.Context, id string) (keystone.Policy, error) {
	return db.One(ctx, r.q, policies.Select("id = ?", id))
}

// Policies lists the policies that pass the filters.
func (r reads) Policies(ctx context.Context, fs keystone.Filters) ([]keystone.Policy, error) {
	return list(ctx, r.q, policies, fs, "type")
}

// PolicyOf is the association of an endpoint, of a service, or of a service in
// a region, or ErrNoRow.
func (r reads) PolicyOf(ctx context.Context, endpointID, serviceID, regionID string) (keystone.PolicyAssociation, error) {
	return db.One(ctx, r.q, policyAssociations.Select("endpoint_id = ? AND service_id = ? AND region_id = ?", endpointID, serviceID, regionID))
}

// PolicyAssociations lists those of a policy.
func (r reads) PolicyAssociations(ctx context.Context, policyID string) ([]keystone.PolicyAssociation, error) {
	return db.All(ctx, r.q, policyAssociations.Select("policy_id = ?", policyID).OrderBy("endpoint_id", "service_id", "region_id"))
}

// InsertPolicy writes a new policy.
func (tx *Tx) InsertPolicy(ctx context.Context, p keystone.Policy) error {
	return policies.Insert(ctx, tx.tx, p)
}

// UpdatePolicy writes all of a policy.
func (tx *Tx) UpdatePolicy(ctx context.Context, p keystone.Policy) error {
	return update(ctx, tx, policies, p)
}

// DeletePolicy removes a policy with its associations.
func (tx *Tx) DeletePolicy(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id}, "DELETE FROM policy_associations WHERE policy_id = ?"); err != nil {
		return err
	}
	return tx.remove(ctx, "policies", id)
}

// SetPolicy records an association in the place of the one that was there.
func (tx *Tx) SetPolicy(ctx context.Context, a keystone.PolicyAssociation) error {
	return policyAssociations.Upsert(ctx, tx.tx, a, []string{"endpoint_id", "service_id", "region_id"})
}

// RemovePolicyAssociation removes that very association; one that is not there is no error.
func (tx *Tx) RemovePolicyAssociation(ctx context.Context, a keystone.PolicyAssociation) error {
	_, err := db.Exec(ctx, tx.tx, "DELETE FROM policy_associations WHERE policy_id = ? AND endpoint_id = ? AND service_id = ? AND region_id = ?",
		a.PolicyID, a.EndpointID, a.ServiceID, a.RegionID)
	return err
}
