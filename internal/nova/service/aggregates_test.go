package service

import (
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/oslo/fault"
)

func TestZonesFollowAggregates(t *testing.T) {
	r, srv, _ := built(t)
	novatest.Host(t, r.bus, "empty")
	r.known(2)
	zone := func() string {
		zones, err := r.Zones(r.ctx)
		r.must(err)
		for _, z := range zones {
			for _, s := range z.Services {
				if s.Host == "empty" && s.Binary == computeBinary {
					return z.Name
				}
			}
		}
		return ""
	}
	a, err := r.CreateAggregate(r.ctx, "a", "z1")
	r.must(err)
	b, err := r.CreateAggregate(r.ctx, "b", "z2")
	r.must(err)
	if z := zone(); z != nova.DefaultZone {
		t.Errorf("at first in %s", z)
	}
	_, err = r.AddAggregateHost(r.ctx, a.ID, "empty")
	r.must(err)
	if z := zone(); z != "z1" {
		t.Errorf("then in %s", z)
	}
	other := "z3"
	for name, tc := range map[string]struct {
		err    error
		status int
	}{
		"twice":             {second(r.AddAggregateHost(r.ctx, a.ID, "empty")), 409},
		"in another zone":   {second(r.AddAggregateHost(r.ctx, b.ID, "empty")), 409},
		"with servers":      {second(r.AddAggregateHost(r.ctx, b.ID, srv.Host)), 409},
		"unknown host":      {second(r.AddAggregateHost(r.ctx, b.ID, "nosuch")), 404},
		"unknown aggregate": {second(r.AddAggregateHost(r.ctx, 99, "empty")), 404},
		"not in it":         {second(r.RemoveAggregateHost(r.ctx, b.ID, "empty")), 404},
		"not empty":         {r.DeleteAggregate(r.ctx, a.ID), 400},
		"name taken":        {second(r.CreateAggregate(r.ctx, "a", "")), 409},
		"rename to taken":   {second(r.UpdateAggregate(r.ctx, b.ID, &a.Name, nil)), 409},
		"no zone":           {second(r.SetAggregateMetadata(r.ctx, a.ID, map[string]*string{nova.ZoneKey: nil})), 400},
	} {
		if !fault.Is(tc.err, tc.status) {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
	if _, err := r.UpdateAggregate(r.ctx, a.ID, nil, &other); err != nil || zone() != other {
		t.Errorf("%v, in %s", err, zone())
	}
	_, err = r.RemoveAggregateHost(r.ctx, a.ID, "empty")
	r.must(err)
	r.must(r.DeleteAggregate(r.ctx, a.ID))
}

func second[T any](_ T, err error) error { return err }

func TestEnsureDefaults(t *testing.T) {
	r := newRig(t)
	for _, f := range novatest.Flavors() {
		r.must(r.DeleteFlavor(r.ctx, f.FlavorID))
	}
	r.must(r.EnsureDefaults(r.ctx))
	r.must(r.EnsureDefaults(r.ctx))
	f, err := r.Flavor(r.ctx, "1")
	if err != nil || f.Name != "m1.tiny" || f.MemoryMB != 512 {
		t.Errorf("%+v %v", f, err)
	}
	r.must(r.DeleteFlavor(r.ctx, "1"))
	r.must(r.EnsureDefaults(r.ctx))
	if _, err := r.Flavor(r.ctx, "1"); !fault.Is(err, 404) {
		t.Error("a flavor that was deleted is back")
	}
}
