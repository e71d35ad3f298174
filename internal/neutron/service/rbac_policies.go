package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// shareable are the kinds of object that can be given to others, and how.
var shareable = map[string][]string{
	"network":        {neutron.AccessShared, neutron.AccessExternal},
	"security_group": {neutron.AccessShared},
}

// RBACPolicies lists the RBAC policies that the caller may see.
func (s *Service) RBACPolicies(ctx context.Context, q neutron.Query) ([]neutron.RBACPolicy, error) {
	q.ProjectID = scope(ctx)
	return s.store.RBACPolicies(ctx, q)
}

// RBACPolicy finds an RBAC policy that the caller may see.
func (s *Service) RBACPolicy(ctx context.Context, id string) (neutron.RBACPolicy, error) {
	return s.store.RBACPolicy(ctx, id, scope(ctx))
}

// CreateRBACPolicies makes RBAC policies, all or none.
func (s *Service) CreateRBACPolicies(ctx context.Context, reqs []neutron.RBACRequest) (out []neutron.RBACPolicy, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			p, err := s.createRBAC(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func (s *Service) createRBAC(ctx context.Context, tx *store.Tx, r neutron.RBACRequest) (neutron.RBACPolicy, error) {
	p := neutron.RBACPolicy{ID: newID(), ProjectID: r.ProjectID.Value, ObjectType: r.ObjectType.Value, ObjectID: r.ObjectID.Value,
		Action: r.Action.Value, TargetProject: r.TargetProject.Value}
	if !slices.Contains(shareable[p.ObjectType], p.Action) {
		return p, fault.BadRequest("Invalid action '%s' for object type '%s'. Valid actions: %s", p.Action, p.ObjectType, join(shareable[p.ObjectType])).As("InvalidActionForType")
	}
	if err := s.count(ctx, tx, "rbac_policy", p.ProjectID, 1); err != nil {
		return p, err
	}
	owner, err := objectOwner(ctx, tx, p)
	if err != nil {
		return p, err
	}
	if owner != auth.Caller(ctx).ProjectID && !auth.Caller(ctx).Admin {
		return p, neutron.InvalidInput("Only admins can manipulate policies on objects they do not own")
	}
	if err := checkRBACNew(ctx, tx, p); err != nil {
		return p, err
	}
	return p, s.applyRBAC(ctx, tx, p)
}

func join(list []string) string {
	out := ""
	for i, s := range list {
		if i > 0 {
			out += ", "
		}
		out += s
	}
	return out
}

func objectOwner(ctx context.Context, tx *store.Tx, p neutron.RBACPolicy) (string, error) {
	if p.ObjectType == "security_group" {
		g, err := tx.SecurityGroup(ctx, p.ObjectID, scope(ctx))
		return g.ProjectID, err
	}
	n, err := tx.NetworkRow(ctx, p.ObjectID, scope(ctx))
	return n.ProjectID, err
}

func checkRBACNew(ctx context.Context, tx *store.Tx, p neutron.RBACPolicy) error {
	_, err := tx.FindRBAC(ctx, p)
	if errors.Is(err, db.ErrNoRow) {
		return nil
	} else if err != nil {
		return err
	}
	return fault.Conflict("An RBAC policy already exists with those values.").As("DuplicateRbacPolicy")
}

// applyRBAC writes a policy; access_as_external makes its network external.
func (s *Service) applyRBAC(ctx context.Context, tx *store.Tx, p neutron.RBACPolicy) error {
	if err := tx.InsertRBAC(ctx, p); err != nil || p.Action != neutron.AccessExternal {
		return err
	}
	n, err := tx.NetworkRow(ctx, p.ObjectID, "")
	if err != nil || n.External {
		return err
	}
	n.External = true
	n.Touch(s.clock.Now())
	return tx.UpdateNetwork(ctx, n)
}

// UpdateRBACPolicy gives a policy another target.
func (s *Service) UpdateRBACPolicy(ctx context.Context, id string, r neutron.RBACRequest) (p neutron.RBACPolicy, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p, err = tx.RBACPolicy(ctx, id, ""); err != nil {
			return err
		}
		if !r.TargetProject.Set || r.TargetProject.Value == p.TargetProject {
			return nil
		}
		old := p
		p.TargetProject = r.TargetProject.Value
		if err := checkRBACNew(ctx, tx, p); err != nil {
			return err
		}
		if err := tx.UpdateRBAC(ctx, p); err != nil {
			return err
		}
		return s.checkRBACUnused(ctx, tx, old)
	})
	return p, err
}

// DeleteRBACPolicy ends an access that nobody uses.
func (s *Service) DeleteRBACPolicy(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.RBACPolicy(ctx, id, "")
		if err != nil {
			return err
		}
		if err := tx.DeleteRBAC(ctx, p); err != nil {
			return err
		}
		return s.checkRBACUnused(ctx, tx, p)
	})
}

// checkRBACUnused refuses when somebody still needs what p gave.
func (s *Service) checkRBACUnused(ctx context.Context, tx *store.Tx, p neutron.RBACPolicy) error {
	if p.ObjectType == "security_group" {
		return checkGroupUsers(ctx, tx, p)
	}
	n, err := tx.NetworkRow(ctx, p.ObjectID, "")
	if err != nil {
		return err
	}
	if p.Action == neutron.AccessExternal {
		return s.closeExternal(ctx, tx, n, p)
	}
	if err := s.checkUsers(ctx, tx, n); fault.Is(err, 409) {
		return rbacInUse(p, err.Error())
	} else if err != nil {
		return err
	}
	return nil
}

func checkGroupUsers(ctx context.Context, tx *store.Tx, p neutron.RBACPolicy) error {
	users, err := tx.GroupUsers(ctx, p.ObjectID)
	if err == nil && len(users) > 0 {
		err = rbacInUse(p, "project_id="+p.TargetProject)
	}
	return err
}

func rbacInUse(p neutron.RBACPolicy, details string) error {
	return fault.Conflict("RBAC policy on object %s cannot be removed because other objects depend on it.\nDetails: %s", p.ObjectID, details).As("RbacPolicyInUse")
}

// closeExternal follows the end of an external access: routers must not need
// it, and a network to which nobody has access is not external any more.
func (s *Service) closeExternal(ctx context.Context, tx *store.Tx, n neutron.Network, p neutron.RBACPolicy) error {
	if n.IsDefault && p.TargetProject == "*" {
		return rbacInUse(p, "Default external networks must be shared to everyone.")
	}
	users, err := tx.GatewayUsers(ctx, n.ID)
	if err != nil {
		return err
	}
	if p.TargetProject == "*" && len(users) > 0 || slices.Contains(users, p.TargetProject) {
		return rbacInUse(p, "There are routers attached to this network that depend on this policy for access.")
	}
	if open, err := tx.IsOpen(ctx, n.ID); err != nil || open {
		return err
	}
	n.External = false
	n.Touch(s.clock.Now())
	return tx.UpdateNetwork(ctx, n)
}
