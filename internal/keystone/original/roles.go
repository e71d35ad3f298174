package original

import (
	"context"

	"nacre/internal/keystone"
)

func (r *reader) roles(ctx context.Context) error {
	options, err := r.optionsOf(ctx, "role")
	if err != nil {
		return err
	}
	type role struct {
		row
		Name        string  `bun:"name"`
		DomainID    string  `bun:"domain_id"`
		Description *string `bun:"description"`
	}
	if r.out.Roles, err = taken(ctx, r, "role", `SELECT id, name, domain_id, description, extra FROM role ORDER BY id`,
		func(v role, more map[string]any) keystone.Role {
			to := keystone.Role{ID: v.ID, Name: v.Name, DomainID: v.DomainID, Description: v.Description, Options: orEmpty(options[v.ID]), Extra: more}
			if to.DomainID == nullDomain {
				to.DomainID = ""
			}
			return to
		}); err != nil {
		return err
	}
	r.out.Implications, err = rows[keystone.Implication](ctx, r, "implied_role", `SELECT prior_role_id, implied_role_id FROM implied_role`)
	return err
}

// kinds are actor and target of an assignment of each type.
var kinds = map[string][2]string{
	"UserProject": {keystone.ActorUser, keystone.TargetProject}, "GroupProject": {keystone.ActorGroup, keystone.TargetProject},
	"UserDomain": {keystone.ActorUser, keystone.TargetDomain}, "GroupDomain": {keystone.ActorGroup, keystone.TargetDomain},
	"UserSystem": {keystone.ActorUser, keystone.TargetSystem}, "GroupSystem": {keystone.ActorGroup, keystone.TargetSystem},
}

func (r *reader) assignments(ctx context.Context) error {
	type assignment struct {
		Type      string `bun:"type"`
		Actor     string `bun:"actor_id"`
		Target    string `bun:"target_id"`
		Role      string `bun:"role_id"`
		Inherited bool   `bun:"inherited"`
	}
	unknown := 0
	for _, table := range []string{"assignment", "system_assignment"} {
		found, err := rows[assignment](ctx, r, table, `SELECT type, actor_id, target_id, role_id, inherited FROM `+table)
		if err != nil {
			return err
		}
		for _, a := range found {
			kind, ok := kinds[a.Type]
			if !ok {
				unknown++
				continue
			}
			r.out.Assignments = append(r.out.Assignments, keystone.Assignment{ActorKind: kind[0], ActorID: a.Actor, TargetKind: kind[1],
				TargetID: a.Target, RoleID: a.Role, Inherited: a.Inherited})
		}
	}
	r.left(unknown, "role assignments of a type that is not known")
	return nil
}
