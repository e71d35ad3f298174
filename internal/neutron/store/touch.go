package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// touched is what a transaction changed, as far as hosts are concerned.
type touched struct {
	networks, groups, routers, hosts []string
	what                             []neutron.Ref
}

func add(list *[]string, id string) {
	if id != "" && !slices.Contains(*list, id) {
		*list = append(*list, id)
	}
}

// TouchNetwork marks everything on a network as changed.
func (tx *Tx) TouchNetwork(id string) {
	add(&tx.touched.networks, id)
	tx.touched.note("network", id)
}

// TouchGroup marks a security group's rules or members as changed.
func (tx *Tx) TouchGroup(id string) {
	add(&tx.touched.groups, id)
	tx.touched.note("security_group", id)
}

// TouchRouter marks a router as changed.
func (tx *Tx) TouchRouter(id string) {
	add(&tx.touched.routers, id)
	tx.touched.note("router", id)
}

// TouchHost marks a host's state as changed.
func (tx *Tx) TouchHost(host string) { add(&tx.touched.hosts, host) }

func (t *touched) note(kind, id string) {
	if ref := (neutron.Ref{Kind: kind, ID: id}); id != "" && !slices.Contains(t.what, ref) {
		t.what = append(t.what, ref)
	}
}

// bump raises the revision of the hosts that the transaction concerned so far.
func (tx *Tx) bump(ctx context.Context) error {
	what := tx.touched.what
	where, args := tx.touched.condition()
	tx.touched = touched{}
	if where == "" {
		return nil
	}
	hosts, err := db.Scan[string](ctx, tx.q, "SELECT host FROM hosts WHERE "+where+" ORDER BY host", args...)
	if err != nil {
		return fmt.Errorf("find the hosts concerned: %w", err)
	}
	if len(hosts) == 0 {
		return nil
	}
	if _, err := db.Exec(ctx, tx.q, "UPDATE hosts SET revision = revision + 1 WHERE host IN (?)", db.List(hosts)); err != nil {
		return fmt.Errorf("raise revisions: %w", err)
	}
	rows, err := db.All(ctx, tx.q, hostsTable.Select("").In("host", hosts))
	if err != nil {
		return fmt.Errorf("read revisions: %w", err)
	}
	hints := make([]Hint, len(rows))
	for i, h := range rows {
		hints[i] = Hint{Host: h.Host, Revision: h.Revision, What: what}
	}
	tx.AfterCommit(func() { tx.changed(hints) })
	return nil
}

// condition is true of the hosts concerned; "" when nothing was touched.
func (t *touched) condition() (string, []any) {
	var parts []string
	var args []any
	either := func(ids []string, text string) {
		if len(ids) > 0 {
			parts = append(parts, text)
			args = append(args, db.List(ids))
		}
	}
	either(t.hosts, "host IN (?)")
	either(t.networks, "EXISTS (SELECT 1 FROM ports WHERE ports.network_id IN (?) AND ports.host = hosts.host)")
	either(t.routers, "EXISTS (SELECT 1 FROM routers WHERE routers.id IN (?) AND routers.host = hosts.host)")
	if len(t.groups) > 0 {
		parts = append(parts, `EXISTS (SELECT 1 FROM ports JOIN port_security_groups g ON g.port_id = ports.id
			WHERE ports.host = hosts.host AND (g.security_group_id IN (?) OR g.security_group_id IN
				(SELECT security_group_id FROM security_group_rules WHERE remote_group_id IN (?))))`)
		args = append(args, db.List(t.groups), db.List(t.groups))
	}
	return strings.Join(parts, " OR "), args
}

func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
