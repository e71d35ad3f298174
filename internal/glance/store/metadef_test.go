package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// TestMetadefs keeps the same on every engine.
func TestMetadefs(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		ctx, s := context.Background(), store.New(d)
		content := func() glance.MetadefContent {
			return glance.MetadefContent{
				Objects: []glance.MetadefObject{{Name: "o", Description: text("d"), Required: []string{"a"},
					Properties: map[string]glance.PropertyType{"a": {Type: "string", Title: "A", Enum: []string{}}}, CreatedAt: now}},
				Properties:   []glance.MetadefProperty{{Name: "p", Type: glance.PropertyType{Type: "integer", Title: "ÄÖ 'x'"}}},
				Tags:         []glance.MetadefTag{{Name: "t", CreatedAt: now}, {Name: "T", CreatedAt: now, UpdatedAt: &now}},
				Associations: []glance.MetadefAssociation{{Name: "r", Prefix: text("hw:"), CreatedAt: now}},
			}
		}
		var ids []int64
		for i, name := range []string{"one", "ONE", "two"} {
			n := glance.MetadefNamespace{Name: name, Visibility: glance.Private, Owner: fmt.Sprint("p", i), CreatedAt: now}
			if err := s.InsertMetadefNamespace(ctx, &n, content()); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, n.ID)
		}
		if err := s.InsertMetadefNamespace(ctx, &glance.MetadefNamespace{Name: "one", CreatedAt: now}, glance.MetadefContent{}); !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("a second one: %v", err)
		}
		got, err := s.MetadefContent(ctx, ids[0])
		if err != nil || len(got.Tags) != 2 || got.Tags[0].Name != "T" || got.Tags[1].UpdatedAt != nil || got.Objects[0].Required[0] != "a" ||
			got.Objects[0].Properties["a"].Title != "A" || got.Objects[0].Properties["a"].Enum == nil || got.Properties[0].Type.Title != "ÄÖ 'x'" ||
			*got.Associations[0].Prefix != "hw:" || got.Associations[0].PropertiesTarget != nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		types, err := s.MetadefResourceTypes(ctx)
		if err != nil || len(types) != 1 {
			t.Errorf("types: %+v, %v", types, err)
		}
		page := db.Page{Limit: 1, Marker: "two", Sort: []db.Sort{{Column: "display_name", Desc: true}, {Column: "created_at", Desc: true}, {Column: "id", Desc: true}}}
		list, err := s.MetadefNamespaces(ctx, glance.Visible{All: true}, glance.MetadefFilter{ResourceTypes: []string{"x", "r"}}, page)
		if err != nil || len(list) != 1 || list[0].Name != "ONE" {
			t.Errorf("page: %+v, %v", list, err)
		}
		if _, err := s.MetadefNamespaces(ctx, as("p0"), glance.MetadefFilter{}, page); !errors.Is(err, db.ErrNoMarker) {
			t.Errorf("a page behind another's: %v", err)
		}
		more := content()
		more.Tags[0].Name, more.Properties[0].Type.Title = "new", "other"
		for _, prefer := range []bool{false, true} {
			n, _ := s.MetadefNamespace(ctx, "one")
			n.DisplayName, n.UpdatedAt = text("display"), &now
			if err := s.MergeMetadefNamespace(ctx, n, more, prefer); err != nil {
				t.Fatal(err)
			}
			got, err := s.MetadefContent(ctx, ids[0])
			after, _ := s.MetadefNamespace(ctx, "one")
			if err != nil || len(got.Tags) != 3 || len(got.Objects) != 1 || prefer != (got.Properties[0].Type.Title == "other") || prefer != (after.DisplayName != nil) {
				t.Errorf("prefer %v: %+v, %+v, %v", prefer, after, got, err)
			}
		}
		if err := s.DeleteMetadefNamespace(ctx, ids[0]); err != nil {
			t.Fatal(err)
		}
		if got, err := s.MetadefContent(ctx, ids[0]); err != nil || len(got.Tags)+len(got.Objects)+len(got.Properties)+len(got.Associations) != 0 {
			t.Errorf("left: %+v, %v", got, err)
		}
		for name, err := range map[string]error{"delete": s.DeleteMetadefNamespace(ctx, ids[0]),
			"object": s.MetadefObjects().Insert(ctx, ids[0], glance.MetadefObject{NamespaceID: ids[0], Name: "late", CreatedAt: now})} {
			if !errors.Is(err, db.ErrNoRow) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if left, err := s.MetadefContent(ctx, ids[1]); err != nil || len(left.Objects) != 1 {
			t.Errorf("another namespace: %+v, %v", left, err)
		}
		if err := s.ClearMetadefs(ctx); err != nil {
			t.Fatal(err)
		}
		if types, err := s.MetadefResourceTypes(ctx); err != nil || len(types) != 0 {
			t.Errorf("types left: %+v, %v", types, err)
		}
	})
}
