package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// TestResourcesAreWhole changes a router with its gateway and a security group
// with its rule together, under readers.
func TestResourcesAreWhole(t *testing.T) {
	dbtest.Each(t, Migrations(), func(t *testing.T, d *db.DB) {
		s := New(d)
		std := neutron.Standard{CreatedAt: time.Unix(0, 0).UTC(), UpdatedAt: time.Unix(0, 0).UTC()}
		router := neutron.Router{ID: "r", Name: "0", Standard: std}
		group := neutron.SecurityGroup{ID: "g", Name: "0", Standard: std}
		rule := neutron.SecurityGroupRule{ID: "0", SecurityGroupID: "g", CreatedAt: std.CreatedAt, UpdatedAt: std.UpdatedAt}
		port := neutron.Port{ID: "0", MACAddress: "0", FixedIPs: []neutron.FixedIP{{SubnetID: "s", IPAddress: "0"}}, Standard: std}
		router.GatewayPortID = port.ID
		change := func(fn func(ctx context.Context, tx *Tx) error) error { return s.Tx(t.Context(), fn) }
		if err := change(func(ctx context.Context, tx *Tx) error {
			return errors.Join(tx.InsertPort(ctx, port), tx.InsertRouter(ctx, router), tx.InsertSecurityGroup(ctx, group), tx.InsertRules(ctx, []neutron.SecurityGroupRule{rule}))
		}); err != nil {
			t.Fatal(err)
		}
		dbtest.Beside(t, 30, func(n int) error {
			round := fmt.Sprint(n + 1)
			return change(func(ctx context.Context, tx *Tx) error {
				old, was := port, rule
				port.ID, port.MACAddress, port.FixedIPs = round, round, []neutron.FixedIP{{SubnetID: "s", IPAddress: round}}
				router.GatewayPortID, router.Name, group.Name, rule.ID = round, round, round, round
				return errors.Join(tx.DeletePort(ctx, old), tx.InsertPort(ctx, port), tx.UpdateRouter(ctx, router),
					tx.UpdateSecurityGroup(ctx, group), tx.DeleteRule(ctx, was), tx.InsertRules(ctx, []neutron.SecurityGroupRule{rule}))
			})
		}, func() error {
			routers, err := s.Routers(t.Context(), neutron.Query{})
			groups, gerr := s.SecurityGroups(t.Context(), neutron.Query{})
			r, rerr := s.Router(t.Context(), "r", "")
			g, oerr := s.SecurityGroup(t.Context(), "g", "")
			if err = errors.Join(err, gerr, rerr, oerr); err != nil {
				return err
			}
			for _, r := range append(routers, r) {
				if r.Gateway == nil || r.Gateway.ExternalFixedIPs[0].IPAddress != r.Name {
					return fmt.Errorf("router of round %s has gateway %+v", r.Name, r.Gateway)
				}
			}
			for _, g := range append(groups, g) {
				if len(g.Rules) != 1 || g.Rules[0].ID != g.Name {
					return fmt.Errorf("security group of round %s has rules %+v", g.Name, g.Rules)
				}
			}
			return nil
		})
	})
}
