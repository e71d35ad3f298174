package original

import (
	"context"

	"nacre/internal/keystone"
)

func (r *reader) groups(ctx context.Context) (err error) {
	type group struct {
		row
		Name        string  `bun:"name"`
		DomainID    string  `bun:"domain_id"`
		Description *string `bun:"description"`
	}
	if r.out.Groups, err = taken(ctx, r, "group", `SELECT id, name, domain_id, description, extra FROM "group" ORDER BY id`,
		func(g group, more map[string]any) keystone.Group {
			return keystone.Group{ID: g.ID, Name: g.Name, DomainID: g.DomainID, Description: text(g.Description), Extra: more}
		}); err != nil {
		return err
	}
	r.out.Memberships, err = rows[keystone.Membership](ctx, r, "user_group_membership", `SELECT user_id, group_id FROM user_group_membership`)
	return err
}
