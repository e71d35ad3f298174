package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// filtered adds to q what f asks for of the image itself.
func filtered(q *db.Query[glance.Image], who glance.Visible, f glance.Filter) *db.Query[glance.Image] {
	q.Where("os_hidden = ?", f.Hidden).
		WhereIf(f.Owner != nil, "owner = ?", f.Owner).
		WhereIf(f.Protected != nil, "protected = ?", f.Protected).
		WhereIf(f.Checksum != "", "checksum = ?", f.Checksum).
		WhereIf(f.HashValue != "", "os_hash_value = ?", f.HashValue)
	byVisibility(q, who, f)
	anyOf(q, "name", f.Names)
	if f.Names != nil {
		q.Where("named")
	}
	anyOf(q, "id", f.IDs)
	anyOf(q, "status", f.Statuses)
	anyOf(q, "disk_format", f.DiskFormats)
	anyOf(q, "container_format", f.ContainerFormats)
	for _, n := range f.Numbers {
		q.Where(n.Column+" "+n.Op+" ?", n.Value).Where(n.Column + " >= 0")
	}
	for _, t := range f.Times {
		q.Where(t.Column+" "+t.Op+" ?", t.Value)
	}
	return q
}

// few is how many images are looked up one by one. Where a tag or a property
// has led to more, going through all images in their order finds a page sooner.
const few = 1000

// valued are the rows of a property that have a value. Processes of a version
// that knows no value_start write none. Each side of the OR is a search of the
// index by both of its columns, also to SQLite, which otherwise takes the name's.
const valued = `image_properties WHERE (name = ? AND value_start = ? OR name = ? AND value_start IS NULL) AND value = ?`

// detailed adds to q the tags and properties that f asks for.
func (s *Store) detailed(ctx context.Context, q *db.Query[glance.Image], f glance.Filter) error {
	add := func(rows string, args ...any) error {
		n, err := db.Scan[int](ctx, s.db, fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) found", rows, few+1), args...)
		if err != nil {
			return err
		}
		if n[0] <= few {
			q.Where("id IN (SELECT image_id FROM "+rows+")", args...)
		} else {
			q.Where("EXISTS (SELECT 1 FROM "+rows+" AND image_id = images.id)", args...)
		}
		return nil
	}
	for _, t := range f.Tags {
		if err := add("image_tags WHERE value = ?", t); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		value := f.Properties[name]
		if err := add(valued, name, startOf(value), name, value); err != nil {
			return err
		}
	}
	return nil
}

func anyOf(q *db.Query[glance.Image], column string, values []string) {
	if values != nil {
		q.In(column, values)
	}
}

// byVisibility keeps the community's images out of a list that does not ask
// for them, and images offered to the caller out of one that asks for another
// answer to the offer.
func byVisibility(q *db.Query[glance.Image], who glance.Visible, f glance.Filter) {
	switch f.Visibility {
	case "":
		q.Where("visibility <> 'community' OR owner = ?", who.Project)
	case "all":
	default:
		q.Where("visibility = ?", f.Visibility)
	}
	if !who.All && f.MemberStatus != "all" {
		q.Where(`visibility <> 'shared' OR owner = ? OR EXISTS (SELECT 1 FROM image_members m
			WHERE m.image_id = images.id AND m.member = ? AND m.status = ?)`, who.Project, who.Project, f.MemberStatus)
	}
}
