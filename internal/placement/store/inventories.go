package store

import (
	"context"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

// Inventories lists what a provider has.
func (tx *Tx) Inventories(ctx context.Context, provider string) ([]placement.Inventory, error) {
	return db.All(ctx, tx, inventories.Select("provider_uuid = ?", provider))
}

// PutInventory writes one inventory, new or changed.
func (tx *Tx) PutInventory(ctx context.Context, inv placement.Inventory) error {
	inv.UpdatedAt = tx.s.clock.Now()
	return inventories.Upsert(ctx, tx, inv, []string{"provider_uuid", "resource_class"})
}

// InsertInventory adds one inventory; db.ErrDuplicate when it is there.
func (tx *Tx) InsertInventory(ctx context.Context, inv placement.Inventory) error {
	inv.UpdatedAt = tx.s.clock.Now()
	return tx.Try(ctx, func() error { return inventories.Insert(ctx, tx, inv) })
}

// DeleteInventory removes one inventory and says whether it was there.
func (tx *Tx) DeleteInventory(ctx context.Context, provider, class string) (bool, error) {
	n, err := db.Exec(ctx, tx, `DELETE FROM inventories WHERE provider_uuid = ? AND resource_class = ?`, provider, class)
	return n > 0, err
}

// UsedClasses lists the classes of a provider that have allocations.
func (tx *Tx) UsedClasses(ctx context.Context, provider string) (map[string]int64, error) {
	rows, err := db.Scan[placement.Usage](ctx, tx, `SELECT resource_class, SUM(used) AS used FROM allocations WHERE provider_uuid = ? GROUP BY resource_class`, provider)
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.ResourceClass] = r.Used
	}
	return out, err
}
