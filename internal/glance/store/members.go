package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var members = db.Table[glance.Member]("image_members")

// Members lists the members of an image, the eldest first.
func (s *Store) Members(ctx context.Context, imageID string) ([]glance.Member, error) {
	return db.All(ctx, s.db, members.Select("image_id = ?", imageID).OrderBy("created_at", "member"))
}

// Member is one membership, or db.ErrNoRow.
func (s *Store) Member(ctx context.Context, imageID, project string) (glance.Member, error) {
	return db.One(ctx, s.db, members.Select("image_id = ?", imageID).Where("member = ?", project))
}

// InsertMember writes a membership unless check refuses the number of those
// that are there; db.ErrDuplicate if the project is a member already.
func (s *Store) InsertMember(ctx context.Context, m glance.Member, check func(have int) error) error {
	return s.change(ctx, m.ImageID, func(ctx context.Context, tx *db.Tx) error {
		n, err := db.Count(ctx, tx, members.Select("image_id = ?", m.ImageID))
		if err != nil {
			return err
		}
		if err := check(n); err != nil {
			return err
		}
		return members.Insert(ctx, tx, m)
	})
}

// UpdateMember writes the membership's status; db.ErrNoRow if it is gone.
func (s *Store) UpdateMember(ctx context.Context, m glance.Member) error {
	n, err := members.Update(ctx, s.db, m, "status", "updated_at")
	if err == nil && n == 0 {
		return db.ErrNoRow
	}
	return err
}

// DeleteMember ends a membership; db.ErrNoRow if there is none.
func (s *Store) DeleteMember(ctx context.Context, imageID, project string) error {
	n, err := db.Exec(ctx, s.db, "DELETE FROM image_members WHERE image_id = ? AND member = ?", imageID, project)
	if err == nil && n == 0 {
		return db.ErrNoRow
	}
	return err
}
