package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var images = db.Table[glance.Image]("images")

// InsertImage writes a new image with its tags and properties; db.ErrDuplicate
// if there is or ever was one with its ID.
func (s *Store) InsertImage(ctx context.Context, img glance.Image, limits ...glance.UsageCheck) error {
	return s.change(ctx, img.ID, func(ctx context.Context, tx *db.Tx) error {
		if err := checkUsage(ctx, tx, limits); err != nil {
			return err
		}
		if err := images.Insert(ctx, tx, img); err != nil {
			return err
		}
		return writeDetails(ctx, tx, glance.Image{}, img)
	})
}

// Image is the live image with that ID if who may see it, else db.ErrNoRow.
func (s *Store) Image(ctx context.Context, who glance.Visible, id string) (glance.Image, error) {
	q := images.Select("deleted_at IS NULL").Where("id = ?", id)
	return one(ctx, s.db, who, seenBy(q, who, "all"))
}

// Images is one page of the live images that who may see and that pass f;
// db.ErrNoMarker if the page begins after an image that who may not see.
func (s *Store) Images(ctx context.Context, who glance.Visible, f glance.Filter, p db.Page) ([]glance.Image, error) {
	q := filtered(seenBy(images.Select("deleted_at IS NULL"), who, "all").Page(p), who, f)
	if err := s.detailed(ctx, q, f); err != nil {
		return nil, err
	}
	return db.Read(ctx, s.db, func(ctx context.Context, on db.Q) ([]glance.Image, error) {
		found, err := db.All(ctx, on, q)
		if err != nil {
			return nil, err
		}
		return found, readDetails(ctx, on, who, found)
	})
}

// seenBy limits q to what who may see. memberStatus is that of the membership
// by which a shared image is seen, or "all".
func seenBy(q *db.Query[glance.Image], who glance.Visible, memberStatus string) *db.Query[glance.Image] {
	switch {
	case who.All:
		return q
	case who.Project == "":
		return q.Scope("visibility IN ('public', 'community')")
	}
	return q.Scope(`visibility IN ('public', 'community') OR owner = ? OR visibility = 'shared' AND EXISTS
		(SELECT 1 FROM image_members m WHERE m.image_id = images.id AND m.member = ? AND (? = 'all' OR m.status = ?))`,
		who.Project, who.Project, memberStatus, memberStatus)
}

// UpdateImage has fn change the image and writes the result. fn may run more
// than once; its error ends the transaction.
func (s *Store) UpdateImage(ctx context.Context, who glance.Visible, id string, now time.Time,
	fn func(*glance.Image) error) (img glance.Image, err error) {
	return s.updateImage(ctx, who, id, now, fn, func(context.Context, *db.Tx) error { return nil })
}

// updateImage is UpdateImage that does more in its transaction.
func (s *Store) updateImage(ctx context.Context, who glance.Visible, id string, now time.Time,
	fn func(*glance.Image) error, more func(ctx context.Context, tx *db.Tx) error) (img glance.Image, err error) {
	err = s.change(ctx, id, func(ctx context.Context, tx *db.Tx) error {
		before, err := one(ctx, tx, who, seenBy(images.Select("deleted_at IS NULL").Where("id = ?", id), who, "all"))
		if err != nil {
			return err
		}
		img = clone(before)
		if err := fn(&img); err != nil {
			return err
		}
		img.UpdatedAt = now.Truncate(time.Second)
		if _, err := images.Update(ctx, tx, img); err != nil {
			return err
		}
		if err := writeDetails(ctx, tx, before, img); err != nil {
			return err
		}
		img.Locations = slices.DeleteFunc(img.Locations, func(l glance.Location) bool { return l.Status != glance.LocationActive })
		return more(ctx, tx)
	})
	return img, err
}

// DeleteImage marks the image deleted, ends its upload, its memberships and its
// locations, and returns it as it was. With delay, an image that has bytes and
// its locations wait for the scrubber. check may refuse; the others write what
// belongs to it.
func (s *Store) DeleteImage(ctx context.Context, who glance.Visible, id string, delay bool, now time.Time,
	check func(glance.Image) error, also ...func(context.Context, *db.Tx) error) (was glance.Image, err error) {
	err = s.change(ctx, id, func(ctx context.Context, tx *db.Tx) error {
		was, err = one(ctx, tx, who, seenBy(images.Select("deleted_at IS NULL").Where("id = ?", id), who, "all"))
		if err != nil {
			return err
		}
		if err := check(was); err != nil {
			return err
		}
		for _, fn := range also {
			if err := fn(ctx, tx); err != nil {
				return err
			}
		}
		gone := was
		gone.Status, gone.DeletedAt, gone.UpdatedAt = glance.Deleted, &now, now.Truncate(time.Second)
		tables := []string{"image_uploads", "image_members", "image_hashes", "image_locations"}
		if delay && was.HasData() {
			gone.Status, tables = glance.PendingDelete, tables[:3]
			if _, err := db.Exec(ctx, tx, "UPDATE image_locations SET status = 'pending_delete', deleted_at = ? WHERE image_id = ? AND status = 'active'", now, id); err != nil {
				return err
			}
		}
		if _, err := images.Update(ctx, tx, gone, "status", "deleted_at", "updated_at"); err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := db.Exec(ctx, tx, "DELETE FROM "+table+" WHERE image_id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
	return was, err
}

// one is a row with its details.
func one(ctx context.Context, on db.Q, who glance.Visible, q *db.Query[glance.Image]) (glance.Image, error) {
	return db.Read(ctx, on, func(ctx context.Context, on db.Q) (glance.Image, error) {
		img, err := db.One(ctx, on, q)
		if err != nil {
			return img, err
		}
		rows := []glance.Image{img}
		err = readDetails(ctx, on, who, rows)
		return rows[0], err
	})
}

// bytesOf is how many bytes the images of owners have, in every place they have them.
func bytesOf(ctx context.Context, on db.Q, owners []string) (int64, error) {
	sum, err := db.Scan[int64](ctx, on, `SELECT COALESCE(SUM(i.size), 0) FROM images i
		JOIN image_locations l ON l.image_id = i.id AND l.status = 'active'
		WHERE i.owner IN (?) AND i.size > 0 AND i.deleted_at IS NULL AND i.status <> 'killed'`, db.List(owners))
	if err != nil || len(sum) == 0 {
		return 0, err
	}
	return sum[0], nil
}

// Bytes is how many bytes the owner's images have.
func (s *Store) Bytes(ctx context.Context, owner string) (int64, error) {
	return bytesOf(ctx, s.db, []string{owner})
}

// Known is the state of an image to those who tidy stores.
type Known struct {
	ID        string        `bun:"id"`
	Status    glance.Status `bun:"status"`
	Uploading bool          `bun:"uploading"`
	Located   bool          `bun:"located"` // the store keeps bytes of it
	UpdatedAt time.Time     `bun:"updated_at"`
}

// StoreUse is how many images a store has.
type StoreUse struct {
	Store  string
	Images int
}

// StoresInUse lists the stores that images are in.
func (s *Store) StoresInUse(ctx context.Context) ([]StoreUse, error) {
	return db.Scan[StoreUse](ctx, s.db, `SELECT store, count(DISTINCT image_id) AS images FROM image_locations
		WHERE status = 'active' GROUP BY store ORDER BY store`)
}

// Known tells the state, to a store, of each of those images that was ever there.
func (s *Store) Known(ctx context.Context, storeID string, ids []string) (map[string]Known, error) {
	out := make(map[string]Known, len(ids))
	for part := range slices.Chunk(ids, 500) {
		rows, err := db.Scan[Known](ctx, s.db, `SELECT i.id, i.status, i.updated_at, u.id IS NOT NULL AS uploading, EXISTS
			(SELECT 1 FROM image_locations l WHERE l.image_id = i.id AND l.store = ? AND l.url = '') AS located
			FROM images i LEFT JOIN image_uploads u ON u.image_id = i.id WHERE i.id IN (?)`, storeID, db.List(part))
		if err != nil {
			return nil, fmt.Errorf("states of images: %w", err)
		}
		for _, k := range rows {
			out[k.ID] = k
		}
	}
	return out, nil
}

// Purge forgets the details of images deleted before then, and with rows the
// images themselves. It says how many rows went.
func (s *Store) Purge(ctx context.Context, before time.Time, rows bool) (total int64, err error) {
	const dead = "SELECT id FROM images WHERE status = 'deleted' AND deleted_at < ?"
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		total = 0
		for _, table := range []string{"image_properties", "image_tags", "image_members", "image_locations"} {
			n, err := db.Exec(ctx, tx, "DELETE FROM "+table+" WHERE image_id IN ("+dead+")", before)
			if err != nil {
				return err
			}
			total += n
		}
		if !rows {
			return nil
		}
		n, err := db.Exec(ctx, tx, "DELETE FROM images WHERE status = 'deleted' AND deleted_at < ?", before)
		total += n
		return err
	})
	return total, err
}
