package store

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var servers = db.Table[nova.Server]("servers")

// Server returns a live server with metadata and tags, whoever owns it. db.ErrNoRow.
func (s *Store) Server(ctx context.Context, id string) (nova.Server, error) {
	return s.server(ctx, servers.Select("id = ? AND deleted_at IS NULL", id))
}

// BareServer is Server without metadata and tags.
func (s *Store) BareServer(ctx context.Context, id string) (nova.Server, error) {
	return db.One(ctx, s.db, servers.Select("id = ? AND deleted_at IS NULL", id))
}

// AnyServer is Server for deleted ones as well.
func (s *Store) AnyServer(ctx context.Context, id string) (nova.Server, error) {
	return s.server(ctx, servers.Select("id = ?", id))
}

func (s *Store) server(ctx context.Context, q *db.Query[nova.Server]) (nova.Server, error) {
	return db.Read(ctx, s.db, func(ctx context.Context, on db.Q) (nova.Server, error) {
		srv, err := db.One(ctx, on, q)
		if err != nil {
			return srv, err
		}
		list := []nova.Server{srv}
		err = dress(ctx, on, list)
		return list[0], err
	})
}

// Servers returns one page of the servers that match f, newest first unless p
// says otherwise, with metadata and tags. What they hold is shared: it must not
// be changed. db.ErrNoMarker.
func (s *Store) Servers(ctx context.Context, f nova.ServerFilter, p db.Page) ([]nova.Server, error) {
	q, err := s.query(ctx, f, p)
	if err != nil {
		return nil, err
	}
	marks, err := db.Some[mark](ctx, s.db, q, "id", "revision")
	if err != nil {
		return nil, err
	}
	return s.marked(ctx, marks, f.Deleted || f.OrDeleted)
}

// ServerNames is Servers with nothing but ID and name.
func (s *Store) ServerNames(ctx context.Context, f nova.ServerFilter, p db.Page) ([]nova.Server, error) {
	q, err := s.query(ctx, f, p)
	if err != nil {
		return nil, err
	}
	return db.All(ctx, s.db, q.Only("id", "display_name"))
}

// BareServers is Servers without metadata and tags, and nothing is shared.
func (s *Store) BareServers(ctx context.Context, f nova.ServerFilter, p db.Page) ([]nova.Server, error) {
	q, err := s.query(ctx, f, p)
	if err != nil {
		return nil, err
	}
	return db.All(ctx, s.db, q)
}

// query asks for one page of the servers that match f.
func (s *Store) query(ctx context.Context, f nova.ServerFilter, p db.Page) (*db.Query[nova.Server], error) {
	q := servers.Select("").MarkBy("id")
	q.Scope(visible(f))
	q.WhereIf(f.ProjectID != "", "project_id = ?", f.ProjectID).
		WhereIf(f.UserID != "", "user_id = ?", f.UserID).
		WhereIf(f.Host != "", "host = ?", f.Host).
		WhereIf(f.FlavorID != "", "flavor_id = ?", f.FlavorID).
		WhereIf(f.ImageID != "", "image_id = ?", f.ImageID).
		WhereIf(f.Locked != nil, "locked = ?", f.Locked).
		WhereIf(f.ConfigDrive != nil, "config_drive = ?", f.ConfigDrive).
		WhereIf(!f.ChangedSince.IsZero(), "COALESCE(updated_at, created_at) >= ?", f.ChangedSince).
		WhereIf(!f.ChangedBefore.IsZero(), "COALESCE(updated_at, created_at) <= ?", f.ChangedBefore)
	if f.VMStates != nil {
		q.In("vm_state", f.VMStates)
	}
	if f.Tasks != nil {
		q.In("task_state", f.Tasks)
	}
	if f.IDs != nil {
		q.In("id", f.IDs)
	}
	for column, value := range f.Exact {
		q.Where(column+" = ?", value)
	}
	tagged(q, f)
	if err := s.matching(ctx, q, f); err != nil {
		return nil, err
	}
	return q.Page(p, "created_at DESC", "id DESC"), nil
}

// visible is the condition that a page's marker must meet too.
func visible(f nova.ServerFilter) (string, []any) {
	scope, args := "deleted_at IS NULL", []any(nil)
	switch {
	case f.Deleted:
		scope = "deleted_at IS NOT NULL"
	case f.OrDeleted:
		scope = "1 = 1"
	}
	return scope, args
}

// tagged adds the conditions on tags.
func tagged(q *db.Query[nova.Server], f nova.ServerFilter) {
	const having = "SELECT server_id FROM server_tags WHERE tag IN (?)"
	for _, tag := range f.Tags {
		q.Where("id IN ("+having+")", db.List([]string{tag}))
	}
	if len(f.TagsAny) > 0 {
		q.Where("id IN ("+having+")", db.List(f.TagsAny))
	}
	if len(f.NotTags) > 0 {
		q.Where("id NOT IN (SELECT server_id FROM server_tags WHERE tag IN (?) GROUP BY server_id HAVING COUNT(*) = ?)",
			db.List(f.NotTags), len(f.NotTags))
	}
	if len(f.NotTagsAny) > 0 {
		q.Where("id NOT IN ("+having+")", db.List(f.NotTagsAny))
	}
}

// matching narrows q to the servers whose fields match the filter's regular
// expressions, which engines spell too differently to be asked.
func (s *Store) matching(ctx context.Context, q *db.Query[nova.Server], f nova.ServerFilter) error {
	if len(f.Pattern) == 0 && f.IP == "" && f.IP6 == "" {
		return nil
	}
	keep, err := matchers(f)
	if err != nil {
		return err
	}
	scope, args := visible(f)
	if f.ProjectID != "" {
		scope, args = scope+" AND project_id = ?", append(args, f.ProjectID)
	}
	rows, err := db.All(ctx, s.db, servers.Select(scope, args...))
	if err != nil {
		return err
	}
	ids := []string{}
	for _, row := range rows {
		if keep(row) {
			ids = append(ids, row.ID)
		}
	}
	q.In("id", ids)
	return nil
}

// ErrPattern is a filter that is no regular expression.
var ErrPattern = errors.New("not a regular expression")

func matchers(f nova.ServerFilter) (func(nova.Server) bool, error) {
	var all []func(nova.Server) bool
	add := func(pattern string, values func(nova.Server) []string) error {
		re, err := regexp.Compile("(?i)" + pattern)
		if err != nil {
			return ErrPattern
		}
		all = append(all, func(srv nova.Server) bool {
			for _, v := range values(srv) {
				if re.MatchString(v) {
					return true
				}
			}
			return false
		})
		return nil
	}
	for column, pattern := range f.Pattern {
		if err := add(pattern, func(srv nova.Server) []string { return []string{field(srv, column)} }); err != nil {
			return nil, err
		}
	}
	for version, pattern := range map[int]string{4: f.IP, 6: f.IP6} {
		if pattern == "" {
			continue
		}
		if err := add(pattern, func(srv nova.Server) []string { return addresses(srv, version) }); err != nil {
			return nil, err
		}
	}
	return func(srv nova.Server) bool {
		for _, ok := range all {
			if !ok(srv) {
				return false
			}
		}
		return true
	}, nil
}

func addresses(srv nova.Server, version int) (out []string) {
	for _, a := range srv.Addresses() {
		if a.Version == version {
			out = append(out, a.Address)
		}
	}
	return out
}

// dress reads metadata and tags of the servers.
func dress(ctx context.Context, on db.Q, list []nova.Server) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]string, len(list))
	at := make(map[string]int, len(list))
	for i, srv := range list {
		ids[i], at[srv.ID] = srv.ID, i
		list[i].Metadata, list[i].Tags = map[string]string{}, []string{}
	}
	items, err := db.All(ctx, on, serverMetadata.Select("").In("server_id", ids))
	if err != nil {
		return err
	}
	for _, m := range items {
		list[at[m.ServerID]].Metadata[m.Item] = m.Content
	}
	tags, err := db.All(ctx, on, serverTags.Select("").In("server_id", ids).OrderBy("tag"))
	for _, t := range tags {
		srv := &list[at[t.ServerID]]
		srv.Tags = append(srv.Tags, t.Tag)
	}
	return err
}

// InsertServer writes a new server and sets its number.
func (tx *Tx) InsertServer(ctx context.Context, srv *nova.Server) error {
	srv.Revision = newRevision()
	if err := servers.Add(ctx, tx, srv); err != nil {
		return err
	}
	if err := tx.insertMetadata(ctx, srv.ID, srv.Metadata); err != nil {
		return err
	}
	return tx.insertTags(ctx, srv.ID, srv.Tags)
}

// UpdateServer writes columns of srv and the time of the change.
func (s *Store) UpdateServer(ctx context.Context, srv nova.Server, columns ...string) error {
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.UpdateServer(ctx, srv, columns...) })
}

// UpdateServer writes columns of srv and the time of the change.
func (tx *Tx) UpdateServer(ctx context.Context, srv nova.Server, columns ...string) error {
	now := tx.clock.Now()
	srv.UpdatedAt, srv.Revision = &now, newRevision()
	n, err := servers.Update(ctx, tx, srv, append(columns, "updated_at", "revision")...)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// Server is Store.Server inside a transaction, without metadata and tags.
func (tx *Tx) Server(ctx context.Context, id string) (nova.Server, error) {
	return db.One(ctx, tx, servers.Select("id = ? AND deleted_at IS NULL", id))
}

// Expect says which state a server must be in for a change; nil lists allow any.
type Expect struct {
	VM    []nova.VMState
	Tasks []nova.TaskState
}

// SetTask moves a live server to a task_state, or returns nova.ErrStateChanged
// if it is not as expected any more.
func (tx *Tx) SetTask(ctx context.Context, id string, from Expect, to nova.TaskState) error {
	text, args := []string{"id = ?", "deleted_at IS NULL"}, []any{to, tx.clock.Now(), newRevision(), id}
	if from.VM != nil {
		text, args = append(text, "vm_state IN (?)"), append(args, db.List(from.VM))
	}
	if from.Tasks != nil {
		text, args = append(text, "task_state IN (?)"), append(args, db.List(from.Tasks))
	}
	n, err := db.Exec(ctx, tx, "UPDATE servers SET task_state = ?, updated_at = ?, revision = ? WHERE "+strings.Join(text, " AND "), args...)
	if err == nil && n == 0 {
		err = nova.ErrStateChanged
	}
	return err
}

// FinishTask sets the states a task led to, if the server is still at that
// task and not deleted; otherwise it changes nothing and returns nova.ErrStateChanged.
func (tx *Tx) FinishTask(ctx context.Context, id string, task nova.TaskState, vm nova.VMState, power nova.PowerState) error {
	n, err := db.Exec(ctx, tx, `UPDATE servers SET task_state = '', vm_state = ?, power_state = ?, updated_at = ?, revision = ?
		WHERE id = ? AND deleted_at IS NULL AND task_state = ?`, vm, power, tx.clock.Now(), newRevision(), id, task)
	if err == nil && n == 0 {
		err = nova.ErrStateChanged
	}
	return err
}

// SetPower writes what a host reports of an idle server's guest; the time of
// change stays unless the power state is another.
func (s *Store) SetPower(ctx context.Context, id string, power nova.PowerState) error {
	_, err := db.Exec(ctx, s.db, `UPDATE servers SET power_state = ?, updated_at = ?, revision = ?
		WHERE id = ? AND deleted_at IS NULL AND power_state <> ?`, power, s.clock.Now(), newRevision(), id, power)
	return err
}

// SetNetworkInfo writes what Neutron says of a server's ports.
func (tx *Tx) SetNetworkInfo(ctx context.Context, srv nova.Server) error {
	srv.Revision = newRevision()
	_, err := servers.Update(ctx, tx, srv, "network_info", "revision")
	return err
}

// ServersDoing lists live servers that have been at a task since before t.
func (s *Store) ServersDoing(ctx context.Context, t time.Time) ([]nova.Server, error) {
	return db.All(ctx, s.db, servers.Select("deleted_at IS NULL AND (task_state <> '' OR vm_state = ?)", nova.Building).
		Where("COALESCE(updated_at, created_at) < ?", t).OrderBy("number").Limit(500))
}

// stateColumns are what a server is compared with its guest by.
var stateColumns = []string{"id", "host", "vm_state", "task_state", "power_state", "created_at", "updated_at", "launched_at"}

// HostServers lists the live servers of a host, of each no more than its states and their times.
func (s *Store) HostServers(ctx context.Context, host string) ([]nova.Server, error) {
	return db.All(ctx, s.db, servers.Select("host = ? AND deleted_at IS NULL", host).Only(stateColumns...))
}

// ServerState is one server as HostServers lists it. db.ErrNoRow.
func (s *Store) ServerState(ctx context.Context, id string) (nova.Server, error) {
	rows, err := db.All(ctx, s.db, servers.Select("id = ? AND deleted_at IS NULL", id).Only(stateColumns...))
	switch {
	case err != nil:
		return nova.Server{}, err
	case len(rows) == 0:
		return nova.Server{}, db.ErrNoRow
	}
	return rows[0], nil
}

// DeletedServers tells, of those IDs that are or were a server's, when it was deleted; the zero time is not at all.
func (s *Store) DeletedServers(ctx context.Context, ids []string) (map[string]time.Time, error) {
	out := make(map[string]time.Time, len(ids))
	for part := range slices.Chunk(ids, atOnce) {
		rows, err := db.Some[nova.Server](ctx, s.db, servers.Select("").In("id", part), "id", "deleted_at")
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			out[row.ID] = time.Time{}
			if row.DeletedAt != nil {
				out[row.ID] = *row.DeletedAt
			}
		}
	}
	return out, nil
}

// ServerPlaces tells the hosts of those servers that live.
func (s *Store) ServerPlaces(ctx context.Context, ids []string) (map[string]string, error) {
	rows, err := db.Some[nova.Server](ctx, s.db, servers.Select("deleted_at IS NULL").In("id", ids), "id", "host")
	out := map[string]string{}
	for _, row := range rows {
		out[row.ID] = row.Host
	}
	return out, err
}

// DeleteServer marks a server as gone.
func (tx *Tx) DeleteServer(ctx context.Context, id string) error {
	now := tx.clock.Now()
	_, err := db.Exec(ctx, tx, `UPDATE servers SET vm_state = ?, task_state = '', power_state = ?, deleted_at = ?, terminated_at = ?, updated_at = ?, revision = ?
		WHERE id = ? AND deleted_at IS NULL`, nova.Deleted, nova.PowerNone, now, now, now, newRevision(), id)
	return err
}
