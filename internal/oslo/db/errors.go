package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

var (
	ErrNoRow     = errors.New("no such row")
	ErrDuplicate = errors.New("duplicate row")                          // a unique key is taken
	ErrReference = errors.New("row is referenced or refers to nothing") // a foreign key refuses
	ErrRetry     = errors.New("transaction must be run again")          // deadlock, serialisation, busy, connection lost
	ErrNoMarker  = errors.New("no such marker")                         // Page.Marker names no visible row
	ErrNested    = errors.New("transaction inside a transaction")       // would wait for itself on SQLite
	ErrOld       = errors.New("the schema is of another version")       // only with AsItIs
	errOnlyReads = errors.New("write in a transaction that only reads")
	errUnknown   = errors.New("the connection was lost, and the change may have been made or not")
)

// kindOf maps an engine's error to one of ours, or nil.
func kindOf(err error) error {
	var (
		lite *sqlite.Error
		pg   *pgconn.PgError
		my   *mysql.MySQLError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNoRow
	case lost(err):
		return ErrRetry
	case errors.As(err, &lite):
		return sqliteKind(lite.Code())
	case errors.As(err, &pg):
		return postgresKind(pg.Code)
	case errors.As(err, &my):
		return mysqlKind(my.Number)
	case errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return ErrRetry
	}
	return nil
}

// lost tells whether a connection ended while it was in use; what was not
// committed by then is undone. An engine that takes no connections is not asked
// again: it is away for longer than we would try.
func lost(err error) bool {
	var (
		pg  *pgconn.PgError
		my  *mysql.MySQLError
		net *net.OpError
	)
	switch {
	case pgconn.SafeToRetry(err): // it was not in use yet
		return false
	case errors.As(err, &pg):
		switch pg.Code {
		case "57P01", "57P02", "57P05", "08000", "08003", "08006": // ended by an administrator, with a crash, as idle; by a pooler
			return true
		}
		return false
	case errors.As(err, &my):
		return my.Number == 1053 || my.Number == 1927 // shutdown, killed
	case errors.As(err, &net):
		return net.Op != "dial" && !net.Timeout()
	}
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
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
	case 1205, 1213, 1020, 1412: // lock wait timeout, deadlock, record changed, table changed
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

// committed is mapped for what commits: it is not done again if it may have been done.
func committed(ctx context.Context, err error) error {
	if err != nil && lost(err) {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	return mapped(ctx, err)
}
