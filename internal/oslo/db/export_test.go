package db

import "database/sql"

// Pools are the pools of connections by what they are for; one pool may be for both.
func (d *DB) Pools() map[string]*sql.DB {
	return map[string]*sql.DB{"reader": d.reader.DB, "writer": d.writer.DB}
}

// Snapshots has every Read be a transaction on SQLite too: as if a commit went on for ever.
func (d *DB) Snapshots() { d.owner.begin() }
