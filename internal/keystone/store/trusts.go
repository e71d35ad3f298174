package store

import (
	"context"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	trusts     = db.Table[keystone.Trust]("trusts")
	trustRoles = db.Table[keystone.TrustRole]("trust_roles")
)

// Trust is the trust with that ID, roles included, or ErrNoRow if there is
// none or it was deleted. It may have expired or be used up.
func (r reads) Trust(ctx context.Context, id string) (keystone.Trust, error) {
	return whole(ctx, r, func(ctx context.Context, r reads) (keystone.Trust, error) {
		t, err := db.One(ctx, r.q, trusts.Select("id = ? AND deleted_at IS NULL", id))
		if err != nil {
			return t, err
		}
		roles, err := db.All(ctx, r.q, trustRoles.Select("trust_id = ?", id).OrderBy("place", "role_id"))
		for _, row := range roles {
			t.RoleIDs = append(t.RoleIDs, row.RoleID)
		}
		return t, err
	})
}

// Trusts lists trusts, without their roles.
func (r reads) Trusts(ctx context.Context, f keystone.TrustFilter) ([]keystone.Trust, error) {
	return db.All(ctx, r.q, trusts.Select("deleted_at IS NULL").
		WhereIf(f.TrustorUserID != "", "trustor_user_id = ?", f.TrustorUserID).
		WhereIf(f.TrusteeUserID != "", "trustee_user_id = ?", f.TrusteeUserID).OrderBy("id"))
}

// RedelegatedTrusts lists the trusts that hand one on, without their roles.
func (r reads) RedelegatedTrusts(ctx context.Context, id string) ([]keystone.Trust, error) {
	return db.All(ctx, r.q, trusts.Select("deleted_at IS NULL AND redelegated_trust_id = ?", id).OrderBy("id"))
}

// InsertTrust writes a new trust with its roles; ErrDuplicate if there is the
// same with the same expiry.
func (tx *Tx) InsertTrust(ctx context.Context, t keystone.Trust) error {
	if err := trusts.Insert(ctx, tx.tx, t); err != nil {
		return err
	}
	roles := make([]keystone.TrustRole, len(t.RoleIDs))
	for i, id := range t.RoleIDs {
		roles[i] = keystone.TrustRole{TrustID: t.ID, RoleID: id, Place: i}
	}
	return trustRoles.InsertMissing(ctx, tx.tx, roles...)
}

// ConsumeTrust takes one of a trust's uses away, or is ErrNoRow if none is
// left. A trust that may be used without limit stays as it is.
func (tx *Tx) ConsumeTrust(ctx context.Context, id string) error {
	n, err := db.Exec(ctx, tx.tx, `UPDATE trusts SET remaining_uses = remaining_uses - 1
		WHERE id = ? AND deleted_at IS NULL AND remaining_uses > 0`, id)
	if err != nil || n > 0 {
		return err
	}
	t, err := tx.Trust(ctx, id)
	if err == nil && t.RemainingUses != nil {
		err = db.ErrNoRow
	}
	return err
}

// DeleteTrust marks a trust as deleted, or is ErrNoRow.
func (tx *Tx) DeleteTrust(ctx context.Context, id string, now time.Time) error {
	n, err := db.Exec(ctx, tx.tx, "UPDATE trusts SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", now, id)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// FlushTrusts removes trusts that were deleted, and those that have expired
// before a time, and returns how many.
func (tx *Tx) FlushTrusts(ctx context.Context, f keystone.TrustFlush) (int64, error) {
	where, args := "(deleted_at IS NOT NULL OR expires_at < ?)", []any{f.Before}
	for _, c := range []struct{ column, value string }{{"project_id", f.ProjectID}, {"trustor_user_id", f.TrustorUserID}, {"trustee_user_id", f.TrusteeUserID}} {
		if c.value != "" {
			where, args = where+" AND "+c.column+" = ?", append(args, c.value)
		}
	}
	if err := tx.exec(ctx, args, "DELETE FROM trust_roles WHERE trust_id IN (SELECT id FROM trusts WHERE "+where+")"); err != nil {
		return 0, err
	}
	return db.Exec(ctx, tx.tx, "DELETE FROM trusts WHERE "+where, args...)
}
