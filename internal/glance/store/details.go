package store

import (
	"context"
	"maps"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

type property struct {
	ImageID string  `bun:"image_id,pk"`
	Name    string  `bun:"name,pk"`
	Value   *string `bun:"value"`
	Start   *string `bun:"value_start"` // of the value, as far as every engine has an index of it
}

// startOf is as much of a value as value_start has, in characters.
func startOf(value string) string {
	if runes := []rune(value); len(runes) > 64 {
		return string(runes[:64])
	}
	return value
}

type tag struct {
	ImageID string `bun:"image_id,pk"`
	Value   string `bun:"value,pk"`
}

var (
	properties = db.Table[property]("image_properties")
	tags       = db.Table[tag]("image_tags")
)

// readDetails fills in tags, properties, locations and membership of rows.
func readDetails(ctx context.Context, on db.Q, who glance.Visible, rows []glance.Image) error {
	at := make(map[string]*glance.Image, len(rows))
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i], at[rows[i].ID] = rows[i].ID, &rows[i]
		rows[i].Tags, rows[i].Properties = []string{}, map[string]*string{}
		if rows[i].Visibility == glance.Shared && rows[i].Owner != who.Project {
			rows[i].Member = who.Project
		}
	}
	for part := range slices.Chunk(ids, 500) {
		found, err := db.All(ctx, on, properties.Select("").In("image_id", part))
		if err != nil {
			return err
		}
		for _, p := range found {
			at[p.ImageID].Properties[p.Name] = p.Value
		}
		tagged, err := db.All(ctx, on, tags.Select("").In("image_id", part).OrderBy("value"))
		if err != nil {
			return err
		}
		for _, t := range tagged {
			at[t.ImageID].Tags = append(at[t.ImageID].Tags, t.Value)
		}
		located, err := db.All(ctx, on, locations.Select("status = 'active'").In("image_id", part).OrderBy("position", "id"))
		if err != nil {
			return err
		}
		for _, l := range located {
			at[l.ImageID].Locations = append(at[l.ImageID].Locations, l)
		}
	}
	return nil
}

// writeDetails makes the tags, properties and locations in the database those of to.
func writeDetails(ctx context.Context, tx *db.Tx, from, to glance.Image) error {
	if !slices.Equal(from.Tags, to.Tags) {
		if err := writeTags(ctx, tx, to); err != nil {
			return err
		}
	}
	if err := writeLocations(ctx, tx, from, to); err != nil {
		return err
	}
	same := func(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
	if maps.EqualFunc(from.Properties, to.Properties, same) {
		return nil
	}
	if _, err := db.Exec(ctx, tx, "DELETE FROM image_properties WHERE image_id = ?", to.ID); err != nil {
		return err
	}
	var rows []property
	for _, name := range slices.Sorted(maps.Keys(to.Properties)) {
		row := property{ImageID: to.ID, Name: name, Value: to.Properties[name]}
		if row.Value != nil {
			start := startOf(*row.Value)
			row.Start = &start
		}
		rows = append(rows, row)
	}
	return properties.Insert(ctx, tx, rows...)
}

func writeTags(ctx context.Context, tx *db.Tx, img glance.Image) error {
	if _, err := db.Exec(ctx, tx, "DELETE FROM image_tags WHERE image_id = ?", img.ID); err != nil {
		return err
	}
	rows := make([]tag, len(img.Tags))
	for i, t := range img.Tags {
		rows[i] = tag{img.ID, t}
	}
	return tags.Insert(ctx, tx, rows...)
}

// clone copies what a change could otherwise change in the original.
func clone(img glance.Image) glance.Image {
	img.Tags, img.Properties, img.Locations = slices.Clone(img.Tags), maps.Clone(img.Properties), slices.Clone(img.Locations)
	return img
}
