package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var orphanGuests = db.Table[nova.OrphanGuest]("orphan_guests")

// SetOrphans replaces what is known of a host's orphans; those still there
// keep the time they were first seen.
func (s *Store) SetOrphans(ctx context.Context, host string, now []nova.OrphanGuest) error {
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		had, err := db.All(ctx, tx, orphanGuests.Select("host = ?", host))
		if err != nil || len(had)+len(now) == 0 {
			return err
		}
		first := map[string]nova.OrphanGuest{}
		for _, o := range had {
			first[o.GuestID] = o
		}
		if _, err := db.Exec(ctx, tx, "DELETE FROM orphan_guests WHERE host = ?", host); err != nil {
			return err
		}
		at := tx.clock.Now()
		for i := range now {
			now[i].Host, now[i].FirstSeen, now[i].LastSeen = host, at, at
			if o, ok := first[now[i].GuestID]; ok {
				now[i].FirstSeen = o.FirstSeen
			}
		}
		return orphanGuests.Insert(ctx, tx, now...)
	})
}

// Orphans lists the guests that no server accounts for.
func (s *Store) Orphans(ctx context.Context) ([]nova.OrphanGuest, error) {
	return db.All(ctx, s.db, orphanGuests.Select("").OrderBy("host", "guest_id"))
}
