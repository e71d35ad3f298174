package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

var (
	ErrNoRow     = errors.New("no such row")
	ErrDuplicate = errors.New("duplicate row")                          // a unique key is taken
	ErrReference = errors.New("row is referenced or refers to nothing") // a foreign key refuses
	ErrRetry     = errors.New("transaction must be run again")          // deadlock, serialisation, busy
	ErrNoMarker  = errors.New("no such marker")                         // Page.Marker names no visible row
	ErrNested    = errors.New("transaction inside a transaction")       // would wait for itself on SQLite
	ErrOld       = errors.New("the schema is of another version")       // only with AsItIs
	errOnlyReads = errors.New("write in a transaction that only reads")
)

// kindOf maps an engine's error to one of ours, or nil.
func kindOf(err error) error {
	var (
		lite *sqlite.Error
		pg   *pgconn.PgError
		my   *mysql.MySQLError
	)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNoRow
	case errors.As(err, &lite):
		return sqliteKind(lite.Code())
	case errors.As(err, &pg):
		return postgresKind(pg.Code)
	case errors.As(err, &my):
		return mysqlKind(my.Number)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn):
		return ErrRetry
	}
	return nil
}

func sqliteKind(code int) error {
	switch code {
	case 1555, 2067, 2579: // PRIMARYKEY, UNIQUE, ROWID
		return ErrDuplicate
	case 787: // FOREIGNKEY
		return ErrReference
	}
	if primary := code & 0xff; primary == 5 || primary == 6 { // BUSY, LOCKED
		return ErrRetry
	}
	return nil
}

func postgresKind(state string) error {
	switch state {
	case "23505":
		return ErrDuplicate
	case "23503", "23001":
		return ErrReference
	case "40001", "40P01", "55P03":
		return ErrRetry
	}
	return nil
}

func mysqlKind(number uint16) error {
	switch number {
	case 1062, 1586:
		return ErrDuplicate
	case 1216, 1217, 1451, 1452:
		return ErrReference
	case 1205, 1213, 1020: // lock wait timeout, deadlock, record changed
		return ErrRetry
	}
	return nil
}

// mapped wraps err with its kind; the engine's own words stay in the text.
func mapped(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch kind := kindOf(err); kind {
	case nil:
		return err
	case ErrNoRow:
		return ErrNoRow
	default:
		return fmt.Errorf("%w: %w", kind, err)
	}
}
