package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// mark is a server and which state of it.
type mark struct {
	ID       string `bun:"id"`
	Revision int64  `bun:"revision"`
}

// newRevision is never 0, which is the revision of rows that were written before there was one.
func newRevision() int64 { return rand.Int64() | 1 }

// touch gives a server another revision after a change of its metadata or tags.
func (tx *Tx) touch(ctx context.Context, serverID string) error {
	_, err := db.Exec(ctx, tx, "UPDATE servers SET revision = ? WHERE id = ?", newRevision(), serverID)
	return err
}

// maxKept bounds the servers that are kept: two full pages, some 8 MB.
const maxKept = 2000

// kept are servers as they were read last. Dashboards ask for the same page
// again and again, and of a row most of the price is to decode it. What is kept
// is believed only as long as the row has the revision that was read with it.
type kept struct {
	mu   sync.Mutex
	rows map[string]nova.Server // only read
}

// find gives those of the marked servers that are kept, and the IDs of the others.
func (k *kept) find(marks []mark) (found map[string]nova.Server, missing []string) {
	found = make(map[string]nova.Server, len(marks))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range marks {
		if srv, ok := k.rows[m.ID]; ok && srv.Revision == m.Revision && m.Revision != 0 {
			found[m.ID] = srv
		} else {
			missing = append(missing, m.ID)
		}
	}
	return found, missing
}

func (k *kept) put(list []nova.Server) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil {
		k.rows = map[string]nova.Server{}
	}
	for id := range k.rows { // in no order
		if len(k.rows)+len(list) <= maxKept {
			break
		}
		delete(k.rows, id)
	}
	for _, srv := range list {
		k.rows[srv.ID] = srv
	}
}

// atOnce is how many servers are read by ID in one statement.
const atOnce = 200

// marked gives the servers of marks, in their order. Their maps and slices
// are shared and must not be changed.
func (s *Store) marked(ctx context.Context, marks []mark, deleted bool) ([]nova.Server, error) {
	found, missing := s.kept.find(marks)
	for part := range slices.Chunk(missing, atOnce) {
		list, err := db.Read(ctx, s.db, func(ctx context.Context, on db.Q) ([]nova.Server, error) {
			list, err := db.All(ctx, on, servers.Select("").In("id", part))
			if err != nil {
				return nil, err
			}
			return list, dress(ctx, on, list)
		})
		if err != nil {
			return nil, err
		}
		s.kept.put(list)
		for _, srv := range list {
			found[srv.ID] = srv
		}
	}
	out := make([]nova.Server, 0, len(marks))
	for _, m := range marks {
		if srv, ok := found[m.ID]; ok && (deleted || !srv.Deleted()) { // it may have gone since it was marked
			out = append(out, srv)
		}
	}
	return out, nil
}
