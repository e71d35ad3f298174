package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
)

// TestDetailFilters finds what few, many and no images have, and no other value
// that begins in the same way.
func TestDetailFilters(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		crowd(t, s, 1100)
		long := strings.Repeat("ä😀", 100)
		for i, value := range []string{long + "1", long + "2", long, long[:len(long)-len("😀")], ""} {
			img := image(2000+i, "p")
			img.Properties["long"] = &value
			insert(t, s, img)
		}
		for name, tc := range map[string]struct {
			filter glance.Filter
			found  []string // the newest
			n      int
		}{
			"few of a tag":      {glance.Filter{Tags: []string{"t7"}}, []string{"image1007", "image07"}, 2},
			"many of a tag":     {glance.Filter{Tags: []string{"all"}}, []string{"image1099", "image1098"}, 1100},
			"both":              {glance.Filter{Tags: []string{"all", "t7"}}, []string{"image1007", "image07"}, 2},
			"no tag":            {glance.Filter{Tags: []string{"all", "nosuch"}}, nil, 0},
			"few of a property": {glance.Filter{Properties: map[string]string{"rare": "r8"}}, []string{"image1008", "image08"}, 2},
			"many of one":       {glance.Filter{Properties: map[string]string{"os_type": "linux"}}, []string{"image1099"}, 1100},
			"tag and property":  {glance.Filter{Tags: []string{"t8"}, Properties: map[string]string{"os_type": "linux", "kind": "k8"}}, []string{"image1008", "image08"}, 2},
			"another's value":   {glance.Filter{Properties: map[string]string{"kind": "linux"}}, nil, 0},
			"long":              {glance.Filter{Properties: map[string]string{"long": long + "2"}}, []string{"image2001"}, 1},
			"shorter":           {glance.Filter{Properties: map[string]string{"long": long}}, []string{"image2002"}, 1},
			"empty":             {glance.Filter{Properties: map[string]string{"long": ""}}, []string{"image2004"}, 1},
		} {
			tc.filter.MemberStatus = "accepted"
			got, err := s.Images(t.Context(), as("p"), tc.filter, db.Page{Limit: 2000, Sort: newest})
			if have := names(got); err != nil || len(have) != tc.n || !slices.Equal(have[:len(tc.found)], tc.found) {
				t.Errorf("%s: got %d images, %v, %v", name, len(have), have[:min(3, len(have))], err)
			}
		}
	})
}

func TestVisibility(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for i, v := range []glance.Visibility{glance.Public, glance.Community, glance.Shared, glance.Private} {
			img := image(i, "p")
			img.Name, img.Visibility = string(v), v
			insert(t, s, img)
		}
		shared := image(2, "p").ID
		m := glance.Member{ImageID: shared, Project: "q", Status: glance.Pending, CreatedAt: now, UpdatedAt: now}
		if err := s.InsertMember(t.Context(), m, func(int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for name, tc := range map[string]struct {
			who  glance.Visible
			f    glance.Filter
			want []string
		}{
			"owner":             {as("p"), glance.Filter{}, []string{"private", "shared", "community", "public"}},
			"other":             {as("q"), glance.Filter{MemberStatus: "accepted"}, []string{"public"}},
			"other, pending":    {as("q"), glance.Filter{MemberStatus: "pending"}, []string{"shared", "public"}},
			"other, all":        {as("q"), glance.Filter{MemberStatus: "all", Visibility: "all"}, []string{"shared", "community", "public"}},
			"other, community":  {as("q"), glance.Filter{Visibility: glance.Community}, []string{"community"}},
			"admin":             {admin, glance.Filter{}, []string{"private", "shared", "public"}},
			"nobody":            {glance.Visible{}, glance.Filter{}, []string{"public"}},
			"stranger, private": {as("r"), glance.Filter{Visibility: glance.Private}, []string{}},
		} {
			got, err := s.Images(t.Context(), tc.who, tc.f, db.Page{Sort: []db.Sort{{Column: "created_at", Desc: true}}})
			if err != nil || !slices.Equal(names(got), tc.want) {
				t.Errorf("%s: got %v, %v, want %v", name, names(got), err, tc.want)
			}
		}
		if got, err := s.Image(t.Context(), as("q"), shared); err != nil || got.Member != "q" {
			t.Errorf("a pending member asks: %+v, %v", got, err)
		}
		if _, err := s.Image(t.Context(), as("r"), shared); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("a stranger asks: %v", err)
		}
	})
}

func TestFilters(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for i := range 6 {
			img := image(i, "p")
			img.Size, img.Protected, img.Tags = int64(i*100), i%2 == 0, []string{"all", fmt.Sprint(i % 3)}
			img.Properties["os"] = text(fmt.Sprint(i % 2))
			insert(t, s, img)
		}
		unnamed := image(6, "p")
		unnamed.Name, unnamed.Named, unnamed.Hidden = "", false, true
		insert(t, s, unnamed, func() glance.Image {
			i := unnamed
			i.ID, i.Hidden, i.Size = image(7, "p").ID, false, glance.None
			return i
		}())
		yes := true
		for name, tc := range map[string]struct {
			f    glance.Filter
			want []string
		}{
			"name":     {glance.Filter{Names: []string{"image01", "image04", "nosuch"}}, []string{"image01", "image04"}},
			"no name":  {glance.Filter{Names: []string{""}}, []string{}},
			"hidden":   {glance.Filter{Hidden: true}, []string{""}},
			"size":     {glance.Filter{Numbers: []glance.NumberFilter{{Column: "size", Op: ">=", Value: 200}, {Column: "size", Op: "<=", Value: 300}}}, []string{"image02", "image03"}},
			"no size":  {glance.Filter{Numbers: []glance.NumberFilter{{Column: "size", Op: "<=", Value: 0}}}, []string{"image00"}},
			"times":    {glance.Filter{Times: []glance.TimeFilter{{Column: "created_at", Op: ">", Value: now.Add(4 * time.Second)}}}, []string{"", "image05"}},
			"tags":     {glance.Filter{Tags: []string{"all", "1"}}, []string{"image01", "image04"}},
			"property": {glance.Filter{Properties: map[string]string{"os": "1"}, Protected: nil}, []string{"image01", "image03", "image05"}},
			"both":     {glance.Filter{Protected: &yes, Tags: []string{"0"}}, []string{"image00"}},
			"owner":    {glance.Filter{Owner: text("q")}, []string{}},
		} {
			got, err := s.Images(t.Context(), as("p"), tc.f, db.Page{Sort: []db.Sort{{Column: "name"}}})
			if err != nil || !slices.Equal(names(got), tc.want) {
				t.Errorf("%s: got %v, %v, want %v", name, names(got), err, tc.want)
			}
		}
	})
}

// TestFilterWithoutStart finds what a process wrote that knows no value_start,
// and nothing else that has none.
func TestFilterWithoutStart(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		crowd(t, s, 20)
		null := image(2000, "p")
		null.Properties["kind"] = nil
		insert(t, s, null)
		for _, id := range []string{image(7, "p").ID, image(8, "p").ID} {
			if _, err := db.Exec(t.Context(), s.DB(), "UPDATE image_properties SET value_start = NULL WHERE image_id = ?", id); err != nil {
				t.Fatal(err)
			}
		}
		for value, want := range map[string][]string{"k7": {"image07"}, "k8": {"image08"}, "k9": {"image09"}, "k": nil, "": nil} {
			f := glance.Filter{MemberStatus: "accepted", Properties: map[string]string{"kind": value, "os_type": "linux"}}
			got, err := s.Images(t.Context(), as("p"), f, db.Page{Limit: 10, Sort: newest})
			if err != nil || !slices.Equal(names(got), want) {
				t.Errorf("%q: got %v, %v", value, names(got), err)
			}
		}
	})
}
