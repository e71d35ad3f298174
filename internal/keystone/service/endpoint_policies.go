package service

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var policyAttributes = []string{"id", "blob", "type", "links"}

// Policy is a policy, or 404.
func (s *Service) Policy(ctx context.Context, id string) (keystone.Policy, error) {
	return policyIn(ctx, s.store, id)
}

func policyIn(ctx context.Context, q rows, id string) (keystone.Policy, error) {
	p, err := q.Policy(ctx, id)
	return p, missing(err, "policy", id)
}

// Policies lists policies.
func (s *Service) Policies(ctx context.Context, fs keystone.Filters) ([]keystone.Policy, error) {
	return s.store.Policies(ctx, fs)
}

// CreatePolicy keeps a policy.
func (s *Service) CreatePolicy(ctx context.Context, a keystone.Attributes) (keystone.Policy, error) {
	p := keystone.Policy{ID: uuid.Hex()}
	applyPolicy(&p, a.Normalized())
	return p, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "policy", created, p.ID)
		return tx.InsertPolicy(ctx, p)
	})
}

func applyPolicy(p *keystone.Policy, a keystone.Attributes) {
	a.SetText("blob", &p.Blob)
	a.SetText("type", &p.Type)
	a.MergeExtra(&p.Extra, policyAttributes...)
}

// UpdatePolicy changes a policy.
func (s *Service) UpdatePolicy(ctx context.Context, id string, a keystone.Attributes) (keystone.Policy, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Policy, error) {
		p, err := policyIn(ctx, tx, id)
		if err := firstError(err, sameID(a, id)); err != nil {
			return p, err
		}
		applyPolicy(&p, a)
		s.notify(ctx, tx, "policy", updated, id)
		return p, tx.UpdatePolicy(ctx, p)
	})
}

// DeletePolicy removes a policy; no endpoint goes by it any more.
func (s *Service) DeletePolicy(ctx context.Context, id string) error {
	return s.remove(ctx, "policy", "policy", id, (*store.Tx).DeletePolicy)
}

// policyAssociationResource is what events call it; they name the policy.
const policyAssociationResource = "OS-ENDPOINT-POLICY:policy_association"

// associable is 404 for a part of an association that is not there.
func associable(ctx context.Context, q rows, a keystone.PolicyAssociation) error {
	if _, err := policyIn(ctx, q, a.PolicyID); err != nil {
		return err
	}
	if a.EndpointID != "" {
		_, err := endpointIn(ctx, q, a.EndpointID)
		return err
	}
	if _, err := serviceIn(ctx, q, a.ServiceID); err != nil || a.RegionID == "" {
		return err
	}
	_, err := regionIn(ctx, q, a.RegionID)
	return err
}

// AssociatePolicy has an endpoint, a service, or a service in a region go by a policy.
func (s *Service) AssociatePolicy(ctx context.Context, a keystone.PolicyAssociation) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := associable(ctx, tx, a); err != nil {
			return err
		}
		s.notify(ctx, tx, policyAssociationResource, created, a.PolicyID)
		return tx.SetPolicy(ctx, a)
	})
}

// CheckPolicyAssociation is 404 unless that very association is there.
func (s *Service) CheckPolicyAssociation(ctx context.Context, a keystone.PolicyAssociation) error {
	if err := associable(ctx, s.store, a); err != nil {
		return err
	}
	found, err := s.store.PolicyOf(ctx, a.EndpointID, a.ServiceID, a.RegionID)
	if errors.Is(err, db.ErrNoRow) || err == nil && found.PolicyID != a.PolicyID {
		return fault.NotFound("Could not find policy association.")
	}
	return err
}

// DissociatePolicy undoes AssociatePolicy; what is not there is no error.
func (s *Service) DissociatePolicy(ctx context.Context, a keystone.PolicyAssociation) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := associable(ctx, tx, a); err != nil {
			return err
		}
		s.notify(ctx, tx, policyAssociationResource, deleted, a.PolicyID)
		return tx.RemovePolicyAssociation(ctx, a)
	})
}

// PolicyOfEndpoint is the policy that an endpoint goes by: its own, else that
// of its service in its region or the nearest region above, else that of its service.
func (s *Service) PolicyOfEndpoint(ctx context.Context, id string) (keystone.Policy, error) {
	e, err := s.Endpoint(ctx, id)
	if err != nil {
		return keystone.Policy{}, err
	}
	places := []keystone.PolicyAssociation{{EndpointID: e.ID}}
	for region := e.RegionID; region != ""; {
		places = append(places, keystone.PolicyAssociation{ServiceID: e.ServiceID, RegionID: region})
		r, err := s.Region(ctx, region)
		if err != nil {
			return keystone.Policy{}, err
		}
		region = r.ParentID
	}
	for _, p := range append(places, keystone.PolicyAssociation{ServiceID: e.ServiceID}) {
		found, err := s.store.PolicyOf(ctx, p.EndpointID, p.ServiceID, p.RegionID)
		if err == nil {
			return s.Policy(ctx, found.PolicyID)
		} else if !errors.Is(err, db.ErrNoRow) {
			return keystone.Policy{}, err
		}
	}
	return keystone.Policy{}, fault.NotFound("No policy is associated with endpoint %s.", id)
}

// EndpointsOfPolicy lists the endpoints that a policy was meant for.
func (s *Service) EndpointsOfPolicy(ctx context.Context, id string) ([]keystone.Endpoint, error) {
	if _, err := s.Policy(ctx, id); err != nil {
		return nil, err
	}
	associations, err1 := s.store.PolicyAssociations(ctx, id)
	all, err2 := s.store.Endpoints(ctx, nil)
	regions, err3 := s.store.Regions(ctx, nil)
	if err := firstError(err1, err2, err3); err != nil {
		return nil, err
	}
	above := map[string]string{}
	for _, r := range regions {
		above[r.ID] = r.ParentID
	}
	out := []keystone.Endpoint{}
	for _, a := range associations {
		for _, e := range all {
			if a.EndpointID == e.ID || a.ServiceID == e.ServiceID && (a.RegionID == "" || liesIn(e.RegionID, a.RegionID, above)) {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// liesIn reports whether a region is another or lies below it.
func liesIn(id, region string, above map[string]string) bool {
	for ; id != ""; id = above[id] {
		if id == region {
			return true
		}
	}
	return false
}
