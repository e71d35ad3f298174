package api

import (
	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/neutron/service"
	"nacre/internal/oslo/policy"

	"context"
)

type (
	rbacT   = neutron.RBACPolicy
	rbacReq = neutron.RBACRequest
)

// rbacAttributes is the table of RBAC policies.
func rbacAttributes() []attribute {
	return join([]attribute{
		idAttribute(),
		{Name: "object_type", Post: true, Required: true, Convert: objectType, Filter: true, Sort: true},
		{Name: "object_id", Post: true, Required: true, Check: attributes.UUID, Filter: true, Sort: true},
		{Name: "target_tenant", Post: true, Put: true, Required: true, Check: attributes.String(255), Filter: true, Sort: true, Policy: true},
		{Name: "action", Post: true, Required: true, Check: attributes.String(255), Filter: true, Sort: true},
	}, ownerAttributes())
}

// objectType takes the kinds of object that can be shared.
func objectType(v any) (any, error) {
	if v == "network" || v == "security_group" {
		return v, nil
	}
	return nil, neutron.InvalidInput("'%s' is not a valid RBAC object type", attributes.Text(v))
}

func (a *API) rbacResource() *resource[rbacT, rbacReq] {
	r := &resource[rbacT, rbacReq]{path: "/rbac-policies",
		Resource: &attributes.Resource{Name: "rbac_policy", Collection: "rbac_policies", Attributes: rbacAttributes()},
		list:     a.svc.RBACPolicies, find: a.svc.RBACPolicy, create: a.svc.CreateRBACPolicies,
		update: func(ctx context.Context, id string, r rbacReq, _ service.Match) (rbacT, error) {
			return a.svc.UpdateRBACPolicy(ctx, id, r)
		},
		remove: func(ctx context.Context, id string, _ service.Match) error { return a.svc.DeleteRBACPolicy(ctx, id) },
		target: func(p *rbacT) policy.Target {
			return policy.Target{"id": p.ID, "project_id": p.ProjectID, "tenant_id": p.ProjectID, "target_tenant": p.TargetProject}
		},
	}
	return r.finish()
}
