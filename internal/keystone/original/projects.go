package original

import (
	"context"

	"nacre/internal/keystone"
)

// What the original writes where there is no domain.
const (
	rootDomain = "<<keystone.domain.root>>" // above all domains
	nullDomain = "<<null>>"                 // of global roles
)

func (r *reader) projects(ctx context.Context) error {
	tags, err := r.tags(ctx)
	if err != nil {
		return err
	}
	options, err := r.optionsOf(ctx, "project")
	if err != nil {
		return err
	}
	type project struct {
		row
		Name        string  `bun:"name"`
		Description *string `bun:"description"`
		Enabled     bool    `bun:"enabled"`
		DomainID    string  `bun:"domain_id"`
		ParentID    *string `bun:"parent_id"`
		IsDomain    bool    `bun:"is_domain"`
	}
	r.out.Projects, err = taken(ctx, r, "project", `SELECT id, name, extra, description, COALESCE(enabled, FALSE) AS enabled, domain_id, parent_id, is_domain
		FROM project WHERE id <> '`+rootDomain+`' ORDER BY id`, func(p project, more map[string]any) keystone.Project {
		to := keystone.Project{ID: p.ID, Name: p.Name, DomainID: p.DomainID, ParentID: text(p.ParentID), IsDomain: p.IsDomain, Enabled: p.Enabled,
			Description: text(p.Description), Tags: tags[p.ID], Options: orEmpty(options[p.ID]), Extra: more}
		if to.IsDomain {
			to.DomainID, to.ParentID = "", ""
		}
		if to.Tags == nil {
			to.Tags = []string{}
		}
		return to
	})
	return err
}

// tags are those of projects, by ID.
func (r *reader) tags(ctx context.Context) (map[string][]string, error) {
	type tag struct {
		ID   string `bun:"project_id"`
		Name string `bun:"name"`
	}
	found, err := rows[tag](ctx, r, "project_tag", `SELECT project_id, name FROM project_tag ORDER BY name`)
	out := map[string][]string{}
	for _, t := range found {
		out[t.ID] = append(out[t.ID], t.Name)
	}
	return out, err
}
