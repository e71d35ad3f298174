// Package original reads the database of OpenStack's own Keystone: every row
// that says something about the cloud, as our nouns, with its ID. It writes
// nothing there. What cannot be taken over is told, never dropped in silence.
package original

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

// release is the OpenStack release from which on the schema has this version.
// The expand and contract branches of the original's migrations each have one.
var releases = map[string]string{
	"29e87d24a316": "Yoga", "e25ffa003242": "Yoga",
	"b4f8b3f584e0": "2023.2", "11c3b243b4cb": "2023.2", "99de3849d860": "2023.2", "c88cdce8f248": "2023.2",
	"47147121": "2024.1", "e8725d6fa226": "2025.2", "742c857f1dfb": "2026.1",
}

// schemaVersions has the column schema_version of mappings.
var schemaVersions = []string{"47147121", "e8725d6fa226", "742c857f1dfb"}

// Report is what was read beside the contents.
type Report struct {
	Releases []string // from which on the schema is as it is
	Left     []string // what was not taken over, a sentence each
}

// reader reads one database.
type reader struct {
	db       *db.DB
	now      time.Time
	versions []string // of alembic
	out      keystone.Contents
	report   Report
}

// Read reads the database at url, that of the original's option [database]
// connection: mysql+pymysql://user:password@host/keystone.
func Read(ctx context.Context, url string, now time.Time) (keystone.Contents, Report, error) {
	address, err := address(url)
	if err != nil {
		return keystone.Contents{}, Report{}, err
	}
	d, err := db.OpenForeign(ctx, address)
	if err != nil {
		return keystone.Contents{}, Report{}, err
	}
	defer d.Close()
	r := &reader{db: d, now: now}
	if err := r.known(ctx); err != nil {
		return keystone.Contents{}, Report{}, err
	}
	for _, read := range []func(context.Context) error{r.projects, r.users, r.passwords, r.groups, r.roles, r.assignments,
		r.catalog, r.endpointFilters, r.policies, r.domainOptions, r.limits, r.credentials, r.appCredentials, r.trusts,
		r.oauth, r.federation, r.federatedUsers, r.revocations, r.idMappings, r.rest} {
		if err := read(ctx); err != nil {
			return keystone.Contents{}, Report{}, err
		}
	}
	return r.out, r.report, nil
}

// address is SQLAlchemy's URL as ours: without the driver and its options.
func address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("the address of the database is no URL")
	}
	u.Scheme, _, _ = strings.Cut(u.Scheme, "+")
	if u.Scheme == "sqlite" {
		return "", errors.New("a Keystone on SQLite cannot be taken over: its database is mysql:// or postgresql://")
	}
	query := url.Values{}
	for theirs, ours := range map[string]string{"unix_socket": "socket", "socket": "socket", "sslmode": "sslmode", "host": "host"} {
		if v := u.Query().Get(theirs); v != "" {
			query.Set(ours, v)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// known refuses a database of another schema.
func (r *reader) known(ctx context.Context) (err error) {
	if r.versions, err = db.Scan[string](ctx, r.db, `SELECT version_num FROM alembic_version`); err != nil {
		return fmt.Errorf("this is no database of a Keystone since Yoga: %w", err)
	}
	for _, v := range r.versions {
		release, ok := releases[v]
		if !ok {
			return fmt.Errorf("the schema's version %s is not known: it is of a Keystone before Yoga or after 2026.1", v)
		}
		if !slices.Contains(r.report.Releases, release) {
			r.report.Releases = append(r.report.Releases, release)
		}
	}
	if len(r.versions) == 0 {
		return errors.New("the schema has no version: run keystone-manage db_sync of the original")
	}
	return nil
}

// left tells of n things that were not taken over.
func (r *reader) left(n int, format string, a ...any) {
	if n > 0 {
		r.report.Left = append(r.report.Left, fmt.Sprintf("%d ", n)+fmt.Sprintf(format, a...))
	}
}

// rows reads a statement's rows; every error names the table.
func rows[T any](ctx context.Context, r *reader, table, text string) ([]T, error) {
	found, err := db.Scan[T](ctx, r.db, text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return found, nil
}

// row is what most rows have: an ID, and attributes without a column of their own.
type row struct {
	ID    string  `bun:"id"`
	Extra *string `bun:"extra"`
}

func (r row) itself() row { return r }

// taken reads a statement's rows, of which each is one of ours.
func taken[R interface{ itself() row }, T any](ctx context.Context, r *reader, table, text string, as func(found R, extra map[string]any) T) (out []T, err error) {
	found, err := rows[R](ctx, r, table, text)
	for _, one := range found {
		more, err := extra(table, one.itself().ID, one.itself().Extra)
		if err != nil {
			return nil, err
		}
		out = append(out, as(one, more))
	}
	return out, err
}

// object reads a column of JSON, which may be NULL; numbers stay as they were written.
func object(text *string) (map[string]any, error) {
	out := keystone.Attributes{}
	if text == nil || *text == "" || *text == "null" {
		return out, nil
	}
	err := json.Unmarshal([]byte(*text), &out)
	return out, err
}

// extra is object of a row's column extra; an error names the row.
func extra(table, id string, text *string) (map[string]any, error) {
	out, err := object(text)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: extra: %w", table, id, err)
	}
	return out, nil
}

// unwrapped is a text that the original has written as a JSON string; what is
// none stays as it is.
func unwrapped(s string) string {
	var inner string
	if json.Unmarshal([]byte(s), &inner) == nil {
		return inner
	}
	return s
}

// Unwrap gives the blob of a credential that was opened as the API shows it.
func Unwrap(c keystone.Credential) string {
	if c.Type == keystone.CredentialEC2 {
		return unwrapped(c.Blob)
	}
	return c.Blob
}

// text is a column that may be NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// micros is a time that the original keeps as a number, in microseconds, or,
// in older rows, as a time.
func micros(n *int64, old *time.Time) *time.Time {
	if n == nil {
		return old
	}
	t := time.UnixMicro(*n).UTC()
	return &t
}
