package service

import (
	"context"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// anyProject is a Keystone in which only "nosuch" does not exist.
type anyProject struct{}

func (anyProject) Exists(_ context.Context, id string) (bool, error) { return id != "nosuch", nil }

func withProjects(d *Deps) { d.Projects = anyProject{} }

func TestQuotasStayWithinBounds(t *testing.T) {
	r := newRig(t, withProjects)
	r.create()
	for _, tc := range []struct {
		project, user string
		cores         int
		force         bool
		want          string
	}{
		{"nosuch", "", 1, false, "Project ID nosuch is not a valid project."},
		{"p", "", 0, false, "Quota limit 0 for cores must be greater than or equal to already used and reserved 1."},
		{"p", "", 0, true, ""},
		{"p", "", 10, false, ""},
		{"p", "a", 4, false, ""},
		{"p", "b", 7, false, "Quota limit 7 for cores must be less than or equal to 6."},
		{"p", "b", -1, false, "Quota limit -1 for cores must be less than or equal to 6."},
		{"p", "b", 6, false, ""},
		{"p", "a", 5, false, "Quota limit 5 for cores must be less than or equal to 4."},
		{"p", "", 9, false, "Quota limit 9 for cores must be greater than or equal to already used and reserved 10."},
		{"p", "", -1, false, ""},
		{"p", "b", 100, false, ""},
	} {
		limits, err := r.SetQuotas(r.ctx, tc.project, tc.user, nova.Limits{nova.QuotaCores: tc.cores}, tc.force)
		if f, _ := fault.Of(err); f == nil && tc.want != "" || f != nil && f.Message != tc.want {
			t.Errorf("%+v: %v", tc, err)
		} else if err == nil && limits[nova.QuotaCores] != tc.cores {
			t.Errorf("%+v: %v", tc, limits)
		}
	}
	r.must(r.DeleteQuotas(r.ctx, "p", ""))
	if limits, usage, err := r.ProjectQuotas(r.ctx, "p", "b"); err != nil || limits[nova.QuotaCores] != 20 || usage != (nova.Usage{}) {
		t.Error(limits, usage, err)
	}
	if _, usage, _ := r.Quotas(r.ctx, "p", ""); usage != (nova.Usage{Instances: 1, Cores: 1, RAM: 64}) {
		t.Error(usage)
	}
}
