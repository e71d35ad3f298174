package peers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/registeredlimits"

	"nacre/internal/glance"
)

// byTree are the names of the model in which a limit is of a project and all
// below it: Keystone's, and the one that oslo.limit knows.
var byTree = []string{"strict_two_level", "strict-two-level"}

// Bounds are those of a project, and in a model by the tree those of what is above it.
func (k *Keystone) Bounds(ctx context.Context, project string) ([]glance.Bound, error) {
	service, err := k.serviceID(ctx)
	if err != nil {
		return nil, err
	}
	client, err := k.system.Client(ctx, "identity")
	if err != nil {
		return nil, err
	}
	model, err := limits.GetEnforcementModel(ctx, client).Extract()
	if err != nil {
		return nil, fmt.Errorf("model of limits: %w", err)
	}
	bounds := []glance.Bound{{Of: project, Projects: []string{project}}}
	if slices.Contains(byTree, model.Name) {
		if bounds, err = tree(ctx, client, project); err != nil {
			return nil, fmt.Errorf("the projects around %s: %w", project, err)
		}
	}
	registered, err := k.registered(ctx, client, service)
	if err != nil {
		return nil, err
	}
	for i := range bounds {
		bounds[i].Limits = maps.Clone(registered)
		opts := limits.ListOpts{ServiceID: service, ProjectID: bounds[i].Of}
		if i > 0 && i == len(bounds)-1 { // the top of a tree is a domain
			opts.ProjectID, opts.DomainID = "", bounds[i].Of
		}
		if err := k.override(ctx, client, opts, bounds[i].Limits); err != nil {
			return nil, err
		}
	}
	return bounds, nil
}

// nested is projects by ID, with those of the next level in each.
type nested map[string]nested

// all are the IDs of all levels.
func (n nested) all() (ids []string) {
	for id, next := range n {
		ids = append(append(ids, id), next.all()...)
	}
	return ids
}

// find is what is nested in a project.
func (n nested) find(id string) nested {
	for other, next := range n {
		if other == id {
			return next
		} else if found := next.find(id); found != nil {
			return found
		}
	}
	return nil
}

// tree makes a bound, without limits, of each project from the one asked for up
// to its domain.
func tree(ctx context.Context, client *gophercloud.ServiceClient, project string) ([]glance.Bound, error) {
	var got struct {
		Project struct {
			Parents, Subtree nested
		}
	}
	ask := func(id, what string) error {
		_, err := client.Get(ctx, client.ServiceURL("projects", id)+"?"+what, &got, nil)
		return err
	}
	if err := ask(project, "parents_as_ids"); err != nil {
		return nil, err
	}
	path := []string{project}
	for above := got.Project.Parents; len(above) > 0; {
		for id, next := range above { // one
			path, above = append(path, id), next
		}
	}
	if err := ask(path[len(path)-1], "subtree_as_ids"); err != nil {
		return nil, err
	}
	whole := nested{path[len(path)-1]: got.Project.Subtree}
	var bounds []glance.Bound
	for _, id := range path {
		bounds = append(bounds, glance.Bound{Of: id, Projects: append(whole.find(id).all(), id)})
	}
	return bounds, nil
}

// registered are the limits of who has none of their own.
func (k *Keystone) registered(ctx context.Context, client *gophercloud.ServiceClient, service string) (map[string]int64, error) {
	page, err := registeredlimits.List(client, registeredlimits.ListOpts{ServiceID: service}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("registered limits: %w", err)
	}
	list, err := registeredlimits.ExtractRegisteredLimits(page)
	if err != nil {
		return nil, fmt.Errorf("registered limits: %w", err)
	}
	out := map[string]int64{}
	for _, l := range list {
		if l.RegionID == "" || l.RegionID == k.region {
			out[l.ResourceName] = int64(l.DefaultLimit)
		}
	}
	return out, nil
}

// override puts limits of a project's or a domain's own in the place of registered ones.
func (k *Keystone) override(ctx context.Context, client *gophercloud.ServiceClient, opts limits.ListOpts, out map[string]int64) error {
	page, err := limits.List(client, opts).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("limits of %s: %w", opts.ProjectID+opts.DomainID, err)
	}
	own, err := limits.ExtractLimits(page)
	if err != nil {
		return fmt.Errorf("limits of %s: %w", opts.ProjectID+opts.DomainID, err)
	}
	for _, l := range own {
		if l.RegionID == "" || l.RegionID == k.region {
			out[l.ResourceName] = int64(l.ResourceLimit)
		}
	}
	return nil
}
