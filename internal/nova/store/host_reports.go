package store

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/uuid"
)

var (
	services     = db.Table[nova.Service]("services")
	computeNodes = db.Table[nova.Hypervisor]("compute_nodes")
)

// Heartbeat records that a process lives; the first time it writes its row.
func (s *Store) Heartbeat(ctx context.Context, host, binary string) error {
	now := s.clock.Now()
	n, err := db.Exec(ctx, s.db, "UPDATE services SET last_seen_up = ? WHERE host = ? AND binary_name = ?", now, host, binary)
	if err != nil || n > 0 {
		return err
	}
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		number, err := tx.nextNumber(ctx, "services")
		if err != nil {
			return err
		}
		return services.InsertMissing(ctx, tx, nova.Service{ID: uuid.New(), Number: number, Host: host, Binary: binary,
			LastSeenUp: now, CreatedAt: now})
	})
}

// Heartbeats records that a process lives on each of the hosts, and tells whether all had a row.
func (s *Store) Heartbeats(ctx context.Context, binary string, hosts []string) (all bool, err error) {
	n, err := db.Exec(ctx, s.db, "UPDATE services SET last_seen_up = ? WHERE binary_name = ? AND host IN (?)", s.clock.Now(), binary, db.List(hosts))
	return int(n) == len(hosts), err
}

// nextNumber counts a table's rows up, one transaction after another.
func (tx *Tx) nextNumber(ctx context.Context, table string) (int64, error) {
	if err := db.Lock(ctx, tx.Tx, "number "+table); err != nil {
		return 0, err
	}
	last, err := db.Scan[int64](ctx, tx, "SELECT COALESCE(MAX(number), 0) FROM "+table)
	if err != nil {
		return 0, err
	}
	return last[0] + 1, nil
}

// ReportHypervisor writes what a host reports. The row keeps its ID; fresh
// tells that it is new.
func (s *Store) ReportHypervisor(ctx context.Context, n nova.Hypervisor) (saved nova.Hypervisor, fresh bool, err error) {
	err = s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		now := tx.clock.Now()
		n.ReportedAt, n.DeletedAt = &now, nil
		have, err := db.One(ctx, tx, computeNodes.Select("host = ? AND hypervisor_hostname = ? AND deleted_at IS NULL", n.Host, n.Hostname))
		if err == nil {
			n.ID, n.Number, n.CreatedAt, n.UpdatedAt, fresh = have.ID, have.Number, have.CreatedAt, &now, false
			_, err = computeNodes.Update(ctx, tx, n)
			saved = n
			return err
		} else if !errors.Is(err, db.ErrNoRow) {
			return err
		}
		if n.Number, err = tx.nextNumber(ctx, "compute_nodes"); err != nil {
			return err
		}
		n.ID, n.CreatedAt, fresh = uuid.New(), now, true
		saved = n
		return computeNodes.Insert(ctx, tx, n)
	})
	return saved, fresh, err
}

// HostState is a compute node beside the process that serves it.
type HostState struct {
	Node    nova.Hypervisor
	Service nova.Service
}

// HostStates lists every compute node with its nova-compute, as far as placing
// servers needs to know: of the node its ID, names, type and whether it waits
// for ports, of the process whether it may and can be used.
func (s *Store) HostStates(ctx context.Context) ([]HostState, error) {
	nodes, err := db.Some[nova.Hypervisor](ctx, s.db, computeNodes.Select("deleted_at IS NULL").OrderBy("host", "hypervisor_hostname"),
		"id", "host", "hypervisor_hostname", "hypervisor_type", "waits_for_ports")
	if err != nil {
		return nil, err
	}
	procs, err := db.Some[nova.Service](ctx, s.db, services.Select("binary_name = 'nova-compute'"),
		"host", "binary_name", "disabled", "disabled_reason", "forced_down", "last_seen_up")
	if err != nil {
		return nil, err
	}
	byHost := make(map[string]nova.Service, len(procs))
	for _, p := range procs {
		byHost[p.Host] = p
	}
	out := make([]HostState, len(nodes))
	for i, n := range nodes {
		out[i] = HostState{Node: n, Service: byHost[n.Host]}
	}
	return out, nil
}

// ComputeService returns the nova-compute of a host. db.ErrNoRow.
func (s *Store) ComputeService(ctx context.Context, host string) (nova.Service, error) {
	return db.One(ctx, s.db, services.Select("host = ? AND binary_name = 'nova-compute'", host))
}

// ComputeServices returns the nova-compute of each of the hosts that has one.
func (s *Store) ComputeServices(ctx context.Context, hosts []string) ([]nova.Service, error) {
	return db.All(ctx, s.db, services.Select("binary_name = 'nova-compute'").In("host", hosts))
}
