package original

import (
	"context"

	"nacre/internal/keystone"
)

func (r *reader) groups(ctx context.Context) error {
	type row struct {
		ID          string  `bun:"id"`
		Name        string  `bun:"name"`
		DomainID    string  `bun:"domain_id"`
		Description *string `bun:"description"`
		Extra       *string `bun:"extra"`
	}
	found, err := rows[row](ctx, r, "group", `SELECT id, name, domain_id, description, extra FROM "group" ORDER BY id`)
	if err != nil {
		return err
	}
	for _, g := range found {
		more, err := extra("group", g.ID, g.Extra)
		if err != nil {
			return err
		}
		r.out.Groups = append(r.out.Groups, keystone.Group{ID: g.ID, Name: g.Name, DomainID: g.DomainID, Description: text(g.Description), Extra: more})
	}
	r.out.Memberships, err = rows[keystone.Membership](ctx, r, "user_group_membership", `SELECT user_id, group_id FROM user_group_membership`)
	return err
}
