package db

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// statement is SQL ready to be sent.
type statement struct {
	text string
	args []any // for the `?` in text
	keep bool  // the text comes again, with other values
}

// builder puts a statement together. On SQLite values go beside the text, so
// that a text is parsed once; elsewhere they go into it.
type builder struct {
	d    *DB
	b    []byte
	args []any
	keep bool
}

func (d *DB) build(words string) *builder {
	return &builder{d: d, b: append(make([]byte, 0, 512), words...), keep: d.engine == SQLite}
}

func (t *builder) add(words ...string) *builder {
	for _, w := range words {
		t.b = append(t.b, w...)
	}
	return t
}

// value adds what appends itself as a literal.
func (t *builder) value(appends func(b []byte) []byte) {
	at := len(t.b)
	t.b = appends(t.b)
	if t.d.engine != SQLite {
		return
	}
	v, ok := literal(string(t.b[at:]))
	if !ok {
		t.keep = false
		return
	}
	t.b = append(t.b[:at], '?')
	t.args = append(t.args, v)
}

// format adds words with `?` for values.
func (t *builder) format(words string, args []any) *builder {
	holes := strings.Count(words, "?")
	if holes == 0 {
		return t.add(words)
	}
	if t.d.engine != SQLite || holes != len(args) {
		t.b = t.d.gen.AppendQuery(t.b, words, args...)
		t.keep = t.keep && len(args) == 0
		return t
	}
	for _, arg := range args {
		before, after, _ := strings.Cut(words, "?")
		t.add(before)
		if list, ok := arg.(bun.ListValues); ok {
			t.list(list)
		} else {
			t.value(func(b []byte) []byte { return t.d.gen.Append(b, arg) })
		}
		words = after
	}
	return t.add(words)
}

// maxListed is how many values of a list go beside the text.
const maxListed = 1024

// list adds the values for `IN (?)`. The last one is repeated up to a power of
// two, so that lists of all lengths share a few texts.
func (t *builder) list(l bun.ListValues) {
	text := t.d.gen.Append(nil, l)
	values, ok := literals(string(text))
	if !ok || len(values) > maxListed {
		t.b, t.keep = append(t.b, text...), false
		return
	}
	for len(values)&(len(values)-1) != 0 {
		values = append(values, values[len(values)-1])
	}
	t.add("?", strings.Repeat(", ?", len(values)-1))
	t.args = append(t.args, values...)
}

func (t *builder) done() statement { return statement{string(t.b), t.args, t.keep} }

// literal is the value that an SQLite literal stands for; false if text is none.
func literal(text string) (any, bool) {
	inner, quoted := strings.CutSuffix(text, "'")
	switch {
	case text == "NULL":
		return nil, true
	case text == "TRUE":
		return int64(1), true
	case text == "FALSE":
		return int64(0), true
	case quoted && inner != "" && inner[0] == '\'':
		if strings.Contains(strings.ReplaceAll(inner[1:], "''", ""), "'") {
			return nil, false // several
		}
		return strings.ReplaceAll(inner[1:], "''", "'"), true
	case quoted && strings.HasPrefix(inner, "X'"):
		b, err := hex.DecodeString(inner[2:])
		return b, err == nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// literals are the values of literals between commas; false if one is none.
func literals(text string) (values []any, ok bool) {
	quoted, from := false, 0
	for i := range len(text) + 1 {
		switch {
		case i < len(text) && text[i] == '\'':
			quoted = !quoted
		case i == len(text) || text[i] == ',' && !quoted:
			v, ok := literal(strings.TrimSpace(text[from:i]))
			if !ok {
				return nil, false
			}
			values, from = append(values, v), i+1
		}
	}
	return values, true
}

// written is a value as it is written in SQL.
type written []byte

// AppendQuery implements schema.QueryAppender.
func (w written) AppendQuery(_ schema.QueryGen, b []byte) ([]byte, error) {
	return append(b, w...), nil
}

// statements are a SQLite pool's prepared statements by their text; those that
// come after the table is full are not kept.
type statements struct {
	mu     sync.RWMutex
	byText map[string]*sql.Stmt
}

const (
	maxStatements = 128
	maxKeptText   = 4 << 10
)

// find returns the statement of a text, or nil; wanted tells whether to prepare it.
func (s *statements) find(st statement) (found *sql.Stmt, wanted bool) {
	if !st.keep || len(st.text) > maxKeptText {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found = s.byText[st.text]
	return found, found == nil && len(s.byText) < maxStatements
}

// prepare makes the statement of a text, which waits for a free connection.
func (s *statements) prepare(ctx context.Context, pool *sql.DB, text string) *sql.Stmt {
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

// get is find, and prepare if that is wanted.
func (s *statements) get(ctx context.Context, pool *sql.DB, st statement) *sql.Stmt {
	stmt, wanted := s.find(st)
	if wanted {
		stmt = s.prepare(ctx, pool, st.text)
	}
	return stmt
}

// querier is where a statement runs: a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// source lets bun scan what a statement finds; stmt is nil if it was not prepared.
type source struct {
	*bun.DB
	on   querier
	stmt *sql.Stmt
	st   statement
}

func (s source) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	if s.stmt != nil {
		return s.stmt.QueryContext(ctx, s.st.args...)
	}
	return s.on.QueryContext(ctx, s.st.text, s.st.args...)
}

// scan reads all rows of a statement into dest.
func scan(ctx context.Context, on *bun.DB, s source, dest any) error {
	s.DB = on
	return mapped(ctx, bun.NewRawQuery(on, "").Conn(s).Scan(ctx, dest))
}
