package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Server finds a server that the caller may see; any other is a 404 fault.
func (s *Service) Server(ctx context.Context, id string) (nova.Server, error) {
	srv, err := s.store.Server(ctx, id)
	caller := auth.Caller(ctx)
	if errors.Is(err, db.ErrNoRow) || err == nil && !caller.Admin && srv.ProjectID != caller.ProjectID && !isService(caller) {
		return nova.Server{}, fault.NotFound("Instance %s could not be found.", id)
	} else if err != nil {
		return srv, fmt.Errorf("server %s: %w", id, err)
	}
	return srv, nil
}

// isService reports whether the caller is one of the cloud's own services.
func isService(id auth.Identity) bool { return id.HasRole("service") }

// Servers lists one page of the servers that match f. What they hold is shared: it must not be changed.
func (s *Service) Servers(ctx context.Context, f nova.ServerFilter, p db.Page) ([]nova.Server, error) {
	list, err := s.store.Servers(ctx, f, p)
	return list, listFault(err, p)
}

// ServerNames is Servers with nothing but ID and name.
func (s *Service) ServerNames(ctx context.Context, f nova.ServerFilter, p db.Page) ([]nova.Server, error) {
	list, err := s.store.ServerNames(ctx, f, p)
	return list, listFault(err, p)
}

func listFault(err error, p db.Page) error {
	switch {
	case errors.Is(err, db.ErrNoMarker):
		return fault.BadRequest("marker [%s] not found", p.Marker)
	case errors.Is(err, store.ErrPattern):
		return fault.BadRequest("Invalid filter value: not a regular expression.")
	case err != nil:
		return fmt.Errorf("list servers: %w", err)
	}
	return nil
}

// ServerChange is what PUT /servers/{id} changes; nil fields stay.
type ServerChange struct {
	Name           *string
	Description    *string
	SetDescription bool // Description is given, if only as null
	Hostname       *string
	AccessIPv4     *string
	AccessIPv6     *string
	DiskConfig     *string
}

// apply writes a change into srv and says which columns it is.
func (ch ServerChange) apply(srv *nova.Server) (columns []string) {
	set := func(into *string, value *string, column string) {
		if value != nil {
			*into, columns = *value, append(columns, column)
		}
	}
	set(&srv.Name, ch.Name, "display_name")
	set(&srv.Hostname, ch.Hostname, "hostname")
	set(&srv.AccessIPv4, ch.AccessIPv4, "access_ip_v4")
	set(&srv.AccessIPv6, ch.AccessIPv6, "access_ip_v6")
	set(&srv.DiskConfig, ch.DiskConfig, "disk_config")
	if ch.SetDescription {
		srv.Description, columns = ch.Description, append(columns, "display_description")
	}
	return columns
}

// UpdateServer changes what a server is called and says of itself.
func (s *Service) UpdateServer(ctx context.Context, srv nova.Server, ch ServerChange) (nova.Server, error) {
	columns := ch.apply(&srv)
	if len(columns) == 0 {
		return srv, nil
	}
	if err := s.store.UpdateServer(ctx, srv, columns...); err != nil {
		return srv, notFound(err, srv.ID)
	}
	now := s.clock.Now()
	srv.UpdatedAt = &now
	return srv, nil
}

// LockServer keeps everybody but administrators from changing a server.
func (s *Service) LockServer(ctx context.Context, srv nova.Server, reason *string) error {
	by := "admin"
	if srv.ProjectID == auth.Caller(ctx).ProjectID {
		by = "owner"
	}
	if srv.Locked && srv.LockedBy == "admin" {
		by = "admin"
	}
	srv.Locked, srv.LockedBy, srv.LockedReason = true, by, reason
	return s.recordLock(ctx, srv, "lock")
}

// UnlockServer takes the lock off. override says that the caller may take off
// an administrator's lock.
func (s *Service) UnlockServer(ctx context.Context, srv nova.Server) error {
	srv.Locked, srv.LockedBy, srv.LockedReason = false, "", nil
	return s.recordLock(ctx, srv, "unlock")
}

func (s *Service) recordLock(ctx context.Context, srv nova.Server, action string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.BeginAction(ctx, srv.ID, action); err != nil {
			return fmt.Errorf("record action: %w", err)
		}
		return notFound(tx.UpdateServer(ctx, srv, "locked", "locked_by", "locked_reason"), srv.ID)
	})
}

// ResetState sets a server's vm_state by force: active or error, no task.
func (s *Service) ResetState(ctx context.Context, srv nova.Server, active bool) error {
	srv.VMState, srv.TaskState = nova.Errored, nova.NoTask
	if active {
		srv.VMState = nova.Active
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return notFound(tx.UpdateServer(ctx, srv, "vm_state", "task_state"), srv.ID)
	})
}

// HostStatus is "UP", "DOWN", "MAINTENANCE" or "UNKNOWN" of each host, "" of no host.
func (s *Service) HostStatus(ctx context.Context, hosts []string) (map[string]string, error) {
	out := map[string]string{}
	if len(hosts) == 0 {
		return out, nil
	}
	known, err := s.store.ComputeServices(ctx, hosts)
	if err != nil {
		return nil, fmt.Errorf("host status: %w", err)
	}
	now := s.clock.Now()
	for _, h := range known {
		switch {
		case h.ForcedDown:
			out[h.Host] = "DOWN"
		case h.Disabled:
			out[h.Host] = "MAINTENANCE"
		case !h.Up(now):
			out[h.Host] = "UNKNOWN"
		default:
			out[h.Host] = "UP"
		}
	}
	return out, nil
}

// SecurityGroups lists the groups on the ports of servers, by server, with
// their rules if asked.
func (s *Service) SecurityGroups(ctx context.Context, list []nova.Server, rules bool) (map[string][]nova.SecurityGroup, error) {
	var ids []string
	for _, srv := range list {
		if len(srv.NetworkInfo) > 0 {
			ids = append(ids, srv.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return s.networks.SecurityGroups(ctx, ids, rules)
}

// GroupNames names the groups on the ports of servers, by server, as their rows
// note them: Neutron tells of changes. Only servers whose groups were never
// noted are looked up.
func (s *Service) GroupNames(ctx context.Context, list []nova.Server) (map[string][]string, error) {
	var ids []string
	var unnoted []nova.Server
	known := map[string]bool{}
	for _, srv := range list {
		for _, v := range srv.NetworkInfo {
			if v.SecurityGroups == nil {
				unnoted = append(unnoted, srv)
				break
			}
			for _, id := range v.SecurityGroups {
				if !known[id] {
					known[id], ids = true, append(ids, id)
				}
			}
		}
	}
	out := make(map[string][]string, len(list))
	if len(ids) > 0 {
		names, err := s.networks.GroupNames(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, srv := range list {
			out[srv.ID] = notedGroups(srv, names)
		}
	}
	asked, err := s.GroupNamesNow(ctx, unnoted...)
	maps.Copy(out, asked)
	return out, err
}

// GroupNamesNow names the groups on the ports of servers as Neutron says.
func (s *Service) GroupNamesNow(ctx context.Context, list ...nova.Server) (map[string][]string, error) {
	found, err := s.SecurityGroups(ctx, list, false)
	out := make(map[string][]string, len(found))
	for id, groups := range found {
		for _, g := range groups {
			out[id] = append(out[id], g.Name)
		}
	}
	return out, err
}

// notedGroups are the names of a server's groups, each once, as far as they are known.
func notedGroups(srv nova.Server, names map[string]string) (out []string) {
	var seen []string
	for _, v := range srv.NetworkInfo {
		for _, id := range v.SecurityGroups {
			name, known := names[id]
			if known && !slices.Contains(seen, id) {
				seen, out = append(seen, id), append(out, name)
			}
		}
	}
	return out
}

// SetSecurityGroup puts a group, by name or ID, on all ports of a server, or takes it off.
func (s *Service) SetSecurityGroup(ctx context.Context, srv nova.Server, group string, on bool) error {
	if err := s.checkLock(ctx, srv); err != nil {
		return err
	}
	if err := s.networks.SetSecurityGroup(ctx, srv, group, on); err != nil {
		return err
	}
	return s.RefreshNetworks(ctx, srv)
}

// ServerExisted reports to administrators whether there ever was such a
// server; to others, yes.
func (s *Service) ServerExisted(ctx context.Context, id string) (bool, error) {
	if !isAdmin(ctx) {
		return true, nil
	}
	_, err := s.store.AnyServer(ctx, id)
	if errors.Is(err, db.ErrNoRow) {
		return false, nil
	}
	return true, err
}
