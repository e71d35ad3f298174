package store

import (
	"maps"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// filtered adds to q what f asks for.
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
	for _, t := range f.Tags {
		q.Where("EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = images.id AND t.value = ?)", t)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		q.Where(`EXISTS (SELECT 1 FROM image_properties p
			WHERE p.image_id = images.id AND p.name = ? AND p.value = ?)`, name, f.Properties[name])
	}
	return q
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
