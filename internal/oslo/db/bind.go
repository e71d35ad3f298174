package db

import (
	"context"
	"database/sql"
	"reflect"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// statements are the SQLite reader's prepared statements by their text. Only
// texts whose values are all bound come here, so they are few; those that
// come after the table is full are not kept.
type statements struct {
	mu     sync.RWMutex
	byText map[string]*sql.Stmt
}

const maxStatements = 64

// get returns the statement of a text, or nil if it cannot be kept.
func (s *statements) get(ctx context.Context, pool *sql.DB, text string) *sql.Stmt {
	s.mu.RLock()
	stmt, full := s.byText[text], len(s.byText) >= maxStatements
	s.mu.RUnlock()
	if stmt != nil || full {
		return stmt
	}
	stmt, err := pool.PrepareContext(ctx, text)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byText == nil {
		s.byText = map[string]*sql.Stmt{}
	}
	if kept := s.byText[text]; kept != nil {
		stmt.Close()
		return kept
	}
	s.byText[text] = stmt
	return stmt
}

// prepared lets bun scan what a prepared statement finds.
type prepared struct {
	*bun.DB
	stmt *sql.Stmt
	args []any
}

func (p prepared) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	return p.stmt.QueryContext(ctx, p.args...)
}

// direct lets bun scan what a statement with bound values finds.
type direct struct {
	*bun.DB
	text string
	args []any
}

func (q direct) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	return q.DB.DB.QueryContext(ctx, q.text, q.args...)
}

// bound turns values into what SQLite stores for them; false if one of them
// has to be written into the text.
func (d *DB) bound(args []any) ([]any, bool) {
	out := make([]any, len(args))
	for i, arg := range args {
		if t, ok := arg.(time.Time); ok {
			text := d.gen.Dialect().AppendTime(nil, t)
			out[i] = string(text[1 : len(text)-1]) // without the quotes
			continue
		}
		v := reflect.ValueOf(arg)
		switch v.Kind() {
		case reflect.String:
			out[i] = v.String()
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			out[i] = v.Int()
		case reflect.Bool:
			out[i] = v.Bool()
		default:
			return nil, false
		}
	}
	return out, true
}
