// Package db is a thin seam over bun: one SQL text, three engines (SQLite,
// PostgreSQL, MariaDB), and errors of one kind.
//
// A store declares a row with `bun` tags, a table with Table, and writes its
// conditions as SQL with `?` for values. Maps, slices and structs are JSON in
// a text column; times are UTC with microseconds; a column that may be NULL is
// a pointer or carries `,nullzero`.
//
// Reads go through *DB, changes through DB.Tx; both are a Q. A transaction is
// run again, whole, when the engine asks for it (deadlock, serialisation) or the
// connection is lost before the commit, so its function must have no effect but
// through its Tx. A statement that fails inside a transaction ends it on every
// engine; use Tx.Try for one that may. What is put together from several
// statements is read within Read, or it may be half of before a change and half
// of after it.
//
// Migrations are goose files in portable SQL; Open translates the few type
// words that engines spell differently:
//
//	TEXT       up to 4 GiB            LONGTEXT on MariaDB
//	BLOB       bytes                  BYTEA on PostgreSQL, LONGBLOB on MariaDB
//	TIMESTAMP  microseconds, no zone  DATETIME(6) on MariaDB
//	DOUBLE     float64                DOUBLE PRECISION on PostgreSQL
//	IDENTITY   a BIGINT primary key that counts up by itself
//
// and DROP INDEX i ON t, whose table only MariaDB wants to know.
//
// Strings compare byte by byte everywhere. What the package does not do:
// build queries out of structs, follow relations, or hide SQL.
package db
