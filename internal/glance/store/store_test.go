package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

var (
	now   = time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	admin = glance.Visible{All: true}

	newest = []db.Sort{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}
)

func as(project string) glance.Visible { return glance.Visible{Project: project} }

func text(s string) *string { return &s }

// image is a new image of owner, n seconds after now.
func image(n int, owner string) glance.Image {
	img := glance.NewImage(fmt.Sprintf("00000000-0000-4000-8000-%012d", n), owner, now.Add(time.Duration(n)*time.Second))
	img.Name, img.Named = fmt.Sprintf("image%02d", n), true
	img.DiskFormat, img.ContainerFormat = "raw", "bare"
	return img
}

func insert(t *testing.T, s *store.Store, imgs ...glance.Image) {
	t.Helper()
	for _, img := range imgs {
		if err := s.InsertImage(t.Context(), img); err != nil {
			t.Fatal(err)
		}
	}
}

func names(imgs []glance.Image) []string {
	out := []string{}
	for _, img := range imgs {
		out = append(out, img.Name)
	}
	return out
}

func each(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) { fn(t, store.New(d)) })
}

func TestImages(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		img := image(1, "p")
		img.Tags, img.Properties = []string{"a", "b"}, map[string]*string{"os": text("x?'"), "kernel_id": nil}
		insert(t, s, img)
		if err := s.InsertImage(t.Context(), img); !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("twice: %v", err)
		}
		got, err := s.Image(t.Context(), as("p"), img.ID)
		if err != nil || got.Name != "image01" || got.Size != glance.None || !slices.Equal(got.Tags, img.Tags) ||
			*got.Properties["os"] != "x?'" || len(got.Properties) != 2 || got.Properties["kernel_id"] != nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		if !got.CreatedAt.Equal(img.CreatedAt) {
			t.Errorf("created at %v", got.CreatedAt)
		}
		_, err = s.UpdateImage(t.Context(), as("p"), img.ID, now, func(i *glance.Image) error {
			i.Tags = []string{"c"}
			i.Properties["new"] = text("1")
			delete(i.Properties, "os")
			i.MinRAM = 64
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _ = s.Image(t.Context(), as("p"), img.ID)
		if got.MinRAM != 64 || !slices.Equal(got.Tags, []string{"c"}) || len(got.Properties) != 2 || *got.Properties["new"] != "1" {
			t.Errorf("after update: %+v", got)
		}
		refused := errors.New("no")
		if _, err := s.DeleteImage(t.Context(), as("p"), img.ID, false, now, func(glance.Image) error { return refused }); err != refused {
			t.Errorf("refused delete: %v", err)
		}
		if _, err := s.DeleteImage(t.Context(), as("p"), img.ID, false, now, func(glance.Image) error { return nil }); err != nil {
			t.Errorf("delete: %v", err)
		}
		if _, err := s.Image(t.Context(), as("p"), img.ID); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("deleted: %v", err)
		}
		if err := s.InsertImage(t.Context(), img); !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("the ID of a deleted image again: %v", err)
		}
	})
}

// TestImagesAreWhole changes an image's row, tags, properties and locations
// together, under readers.
func TestImagesAreWhole(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		img := image(1, "p")
		of := func(n int) func(*glance.Image) error {
			return func(i *glance.Image) error {
				round := fmt.Sprint(n)
				i.Name, i.Tags, i.Properties = round, []string{round}, map[string]*string{"round": &round}
				i.Locations = []glance.Location{{ID: round, ImageID: i.ID, Store: round, Status: glance.LocationActive}}
				return nil
			}
		}
		of(0)(&img)
		insert(t, s, img)
		whole := func(i glance.Image, err error) error {
			if err == nil && (!slices.Equal(i.Tags, []string{i.Name}) || *i.Properties["round"] != i.Name || len(i.Locations) != 1 || i.Locations[0].ID != i.Name) {
				err = fmt.Errorf("image of round %s has tags %v, property %s, locations %v", i.Name, i.Tags, *i.Properties["round"], i.Locations)
			}
			return err
		}
		dbtest.Beside(t, 30, func(n int) error {
			_, err := s.UpdateImage(t.Context(), admin, img.ID, now, of(n))
			return err
		}, func() error {
			list, err := s.Images(t.Context(), admin, glance.Filter{}, db.Page{})
			if err == nil {
				err = whole(list[0], nil)
			}
			return errors.Join(err, whole(s.Image(t.Context(), admin, img.ID)))
		})
	})
}

func TestPages(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for i := range 7 {
			img := image(i, "p")
			img.CreatedAt = now
			img.Name = fmt.Sprint(i % 3)
			insert(t, s, img)
		}
		sort := []db.Sort{{Column: "name"}, {Column: "created_at", Desc: true}, {Column: "id", Desc: true}}
		var got []string
		for marker := ""; ; {
			page, err := s.Images(t.Context(), as("p"), glance.Filter{}, db.Page{Limit: 2, Marker: marker, Sort: sort})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, img := range page {
				got = append(got, img.ID[35:])
			}
			marker = page[len(page)-1].ID
		}
		if want := []string{"6", "3", "0", "4", "1", "5", "2"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		_, err := s.Images(t.Context(), as("q"), glance.Filter{}, db.Page{Limit: 2, Marker: image(1, "p").ID, Sort: sort})
		if !errors.Is(err, db.ErrNoMarker) {
			t.Errorf("another's marker: %v", err)
		}
	})
}

func TestMembers(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		insert(t, s, image(1, "p"))
		m := glance.Member{ImageID: image(1, "p").ID, Project: "q", Status: glance.Pending, CreatedAt: now, UpdatedAt: now}
		any := func(int) error { return nil }
		if err := s.InsertMember(t.Context(), m, any); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertMember(t.Context(), m, any); !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("twice: %v", err)
		}
		m.Project = "r"
		full := errors.New("full")
		if err := s.InsertMember(t.Context(), m, func(have int) error { return map[bool]error{true: full}[have == 1] }); err != full {
			t.Errorf("over the limit: %v", err)
		}
		m.Project, m.Status = "q", glance.Accepted
		if err := s.UpdateMember(t.Context(), m); err != nil {
			t.Error(err)
		}
		if got, err := s.Members(t.Context(), m.ImageID); err != nil || len(got) != 1 || got[0].Status != glance.Accepted {
			t.Errorf("got %+v, %v", got, err)
		}
		if err := s.DeleteMember(t.Context(), m.ImageID, "q"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteMember(t.Context(), m.ImageID, "q"); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("deleted twice: %v", err)
		}
		if err := s.UpdateMember(t.Context(), m); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("updated after the end: %v", err)
		}
	})
}

func TestUploads(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		img := image(1, "p")
		insert(t, s, img)
		ctx := context.Background()
		up := glance.Upload{ImageID: img.ID, ID: "a", Worker: "w", ExpiresAt: now}
		if _, err := s.BeginUpload(ctx, up, now); err != nil {
			t.Fatal(err)
		}
		if _, err := s.BeginUpload(ctx, glance.Upload{ImageID: img.ID, ID: "b", ExpiresAt: now}, now); err == nil ||
			err.Error() != "Image status transition from saving to saving is not allowed" {
			t.Errorf("a second upload: %v", err)
		}
		taker := glance.Upload{ImageID: img.ID, ID: "c", Worker: "v", ExpiresAt: now.Add(time.Minute)}
		if err := s.TakeUpload(ctx, up, taker); err != nil {
			t.Fatal(err)
		}
		if err := s.RenewUpload(ctx, up); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("renewed after it was taken: %v", err)
		}
		none := func(int64) error { return nil }
		at := glance.Location{ID: up.ID, ImageID: img.ID, Store: "files", Status: glance.LocationActive}
		if _, err := s.FinishUpload(ctx, up, img, at, now, none); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("finished after it was taken: %v", err)
		}
		if err := s.AbortUpload(ctx, taker, now); err != nil {
			t.Error(err)
		}
		if got, _ := s.Image(ctx, admin, img.ID); got.Status != glance.Queued {
			t.Errorf("aborted: %s", got.Status)
		}
		begun, err := s.BeginUpload(ctx, up, now)
		if err != nil {
			t.Fatal(err)
		}
		begun.Size = 10
		full := errors.New("full")
		if _, err := s.FinishUpload(ctx, up, begun, at, now, func(int64) error { return full }); err != full {
			t.Errorf("over the limit: %v", err)
		}
		if _, err := s.FinishUpload(ctx, up, begun, at, now, none); err != nil {
			t.Error(err)
		}
		if got, _ := s.Image(ctx, admin, img.ID); got.Status != glance.Active || got.Size != 10 || !got.In("files") {
			t.Errorf("finished: %+v", got)
		}
		if n, err := s.Bytes(ctx, "p"); n != 10 || err != nil {
			t.Errorf("bytes: %d, %v", n, err)
		}
		if err := s.ClaimUnlocated(ctx, taker, "files"); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("the place of an image claimed: %v", err)
		}
		copies(t, s, img.ID)
	})
}

// copies gives a second store the bytes of an image that files has, and takes the first away.
func copies(t *testing.T, s *store.Store, id string) {
	t.Helper()
	ctx, up := t.Context(), glance.Upload{ImageID: id, ID: "d", Worker: "w", ExpiresAt: now}
	if _, err := s.BeginCopy(ctx, up, "files"); !errors.Is(err, glance.ErrLocated) {
		t.Errorf("copied to where it is: %v", err)
	}
	img, err := s.BeginCopy(ctx, up, "more")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginCopy(ctx, glance.Upload{ImageID: id, ID: "e", ExpiresAt: now}, "more"); !errors.Is(err, db.ErrDuplicate) {
		t.Errorf("copied twice at once: %v", err)
	}
	at := glance.Location{ID: up.ID, ImageID: id, Store: "more", Status: glance.LocationActive, Metadata: map[string]any{"store": "more"}}
	others := int64(0)
	got, err := s.FinishUpload(ctx, up, img, at, now, func(n int64) error { others = n; return nil })
	if err != nil || got.Status != glance.Active || len(got.Locations) != 2 || got.Locations[1].Store != "more" || others != 10 {
		t.Errorf("copied: %+v, %v; others have %d bytes", got, err, others)
	}
	if n, err := s.Bytes(ctx, "p"); n != 20 || err != nil {
		t.Errorf("bytes in two places: %d, %v", n, err)
	}
	_, err = s.UpdateImage(ctx, admin, id, now, func(img *glance.Image) error {
		img.Locations = img.Locations[1:]
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got, _ := s.Image(ctx, admin, id); len(got.Locations) != 1 || got.Locations[0].Store != "more" || got.Locations[0].Metadata["store"] != "more" {
		t.Errorf("left: %+v", got.Locations)
	}
}

// TestMigrate: what an older version kept in a column of the image, and
// properties that it did not index by value.
func TestMigrate(t *testing.T) {
	text, err := store.Migrations.ReadFile("migrations/0001_images.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{"migrations/0001_images.sql": {Data: text}}
	long := strings.Repeat("ä😀", 100)
	for name, url := range map[string]string{"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "test.db"),
		"postgres": dbtest.Postgres(t), "mysql": dbtest.MariaDB(t)} {
		t.Run(name, func(t *testing.T) {
			before, err := db.Open(t.Context(), url, old)
			if err != nil {
				t.Fatal(err)
			}
			err = before.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				const text = `INSERT INTO images (id, name, named, owner, status, visibility, disk_format, container_format,
					size, virtual_size, checksum, os_hash_algo, os_hash_value, min_disk, min_ram, protected, os_hidden, store,
					created_at, updated_at) VALUES (?, '', ?, 'p', 'active', 'shared', 'raw', 'bare', 1, 1, '', '', '', 0, 0, ?, ?, ?, ?, ?)`
				_, err := db.Exec(ctx, tx, text, "a", false, false, false, "file", now, now)
				_, err2 := db.Exec(ctx, tx, text, "b", false, false, false, "", now, now)
				_, err3 := db.Exec(ctx, tx, "INSERT INTO image_properties (image_id, name, value) VALUES ('a', 'long', ?), ('a', 'null', NULL)", long)
				return errors.Join(err, err2, err3)
			})
			if err := errors.Join(err, before.Close()); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.DB().Close()
			if img, err := s.Image(t.Context(), admin, "a"); err != nil || len(img.Locations) != 1 || img.Locations[0].Store != "file" || !img.Locations[0].Own() {
				t.Errorf("with bytes: %+v, %v", img.Locations, err)
			}
			found, err := s.Images(t.Context(), admin, glance.Filter{Properties: map[string]string{"long": long}}, db.Page{})
			if err != nil || len(found) != 1 || found[0].Properties["null"] != nil {
				t.Errorf("by a property: %+v, %v", found, err)
			}
			if img, err := s.Image(t.Context(), admin, "b"); err != nil || img.HasData() {
				t.Errorf("without: %+v, %v", img.Locations, err)
			}
		})
	}
}

func TestKnown(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		insert(t, s, image(1, "p"), image(2, "p"))
		if _, err := s.BeginUpload(t.Context(), glance.Upload{ImageID: image(1, "p").ID, ID: "a", ExpiresAt: now}, now); err != nil {
			t.Fatal(err)
		}
		got, err := s.Known(t.Context(), "files", []string{image(1, "p").ID, image(2, "p").ID, image(3, "p").ID})
		if err != nil || len(got) != 2 || !got[image(1, "p").ID].Uploading || got[image(2, "p").ID].Uploading {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestTasks: who sees which tasks, in which order, and how one ends.
func TestTasks(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		insert(t, s, image(1, "p"))
		task := func(n int, owner string) glance.Task {
			at := now.Add(time.Duration(n) * time.Second)
			return glance.Task{ID: fmt.Sprintf("10000000-0000-4000-8000-%012d", n), Type: glance.ImageImport, Status: glance.TaskPending, Owner: owner,
				ImageID: image(1, "p").ID, Input: `{"a": "x?"}`, CreatedAt: at, UpdatedAt: at}
		}
		for n, owner := range []string{"p", "q", "p"} {
			if err := s.InsertTask(t.Context(), task(n, owner), func(context.Context, *db.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		page := db.Page{Limit: 2, Sort: []db.Sort{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}}
		ids := func(who glance.Visible, f glance.TaskFilter, p db.Page, at time.Time) (out string) {
			found, err := s.Tasks(t.Context(), who, f, p, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range found {
				out += task.ID[35:]
			}
			return out
		}
		if got := ids(admin, nil, page, now); got != "21" {
			t.Errorf("an admin sees %s", got)
		}
		page.Marker = task(1, "").ID
		if got := ids(admin, nil, page, now); got != "0" {
			t.Errorf("the next page is %s", got)
		}
		page.Marker = ""
		if got := ids(as("p"), nil, page, now); got != "20" {
			t.Errorf("p sees %s", got)
		}
		if _, err := s.Task(t.Context(), as("q"), task(0, "").ID, now); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("q sees p's: %v", err)
		}
		if err := s.Report(t.Context(), task(0, "").ID, "Copied 1 MiB", now); err != nil {
			t.Error(err)
		}
		if got := ids(admin, glance.TaskFilter{"status": "processing"}, page, now); got != "0" {
			t.Errorf("processing: %s", got)
		}
		if err := s.EndTask(t.Context(), task(0, "").ID, glance.TaskFailure, "why", now, now.Add(time.Hour)); err != nil {
			t.Error(err)
		}
		if err := s.Report(t.Context(), task(0, "").ID, "late", now); !errors.Is(err, glance.ErrTaskOver) {
			t.Errorf("a task that is over: %v", err)
		}
		got, err := s.Task(t.Context(), admin, task(0, "").ID, now)
		if err != nil || got.Status != glance.TaskFailure || got.Message != "why" || got.Input != `{"a": "x?"}` || !got.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("got %+v, %v", got, err)
		}
		late := now.Add(2 * time.Hour)
		if found, err := s.ImageTasks(t.Context(), image(1, "p").ID, late); err != nil || len(found) != 2 {
			t.Errorf("after one has expired: %v, %v", found, err)
		}
		if n, err := s.ExpireTasks(t.Context(), late); n != 1 || err != nil {
			t.Errorf("%d expired, %v", n, err)
		}
	})
}

// TestUsage counts what is staged, imported, copied and stored.
func TestUsage(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		states := []glance.Status{glance.Queued, glance.Saving, glance.Uploading, glance.Importing, glance.Active, glance.Active, glance.Killed}
		for n, status := range states {
			img := image(n, "p")
			img.Status, img.Size = status, 1<<20
			if n == 5 {
				img.Properties[glance.ImportingToStores] = text("two")
			} else {
				img.Properties[glance.ImportingToStores] = text("")
			}
			insert(t, s, img)
		}
		insert(t, s, image(99, "q"))
		want := glance.Usage{Staged: 3 << 20, Images: 6, Uploading: 4}
		if got, err := s.Usage(t.Context(), "p"); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		refused := errors.New("too many")
		var seen glance.Usage
		check := glance.UsageCheck{Bound: glance.Bound{Of: "p", Projects: []string{"p"}}, Check: func(u glance.Usage) error { seen = u; return refused }}
		if err := s.InsertImage(t.Context(), image(50, "p"), check); !errors.Is(err, refused) || seen != want {
			t.Errorf("got %v, %+v", err, seen)
		}
		if _, err := s.AnyImage(t.Context(), image(50, "p").ID); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("what was refused is there: %v", err)
		}
	})
}

// TestStaging: an image is uploading from the first byte until it is imported,
// and what needs its bytes keeps them.
func TestStaging(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		img := image(1, "p")
		insert(t, s, img)
		up := glance.Upload{ImageID: img.ID, ID: "20000000-0000-4000-8000-000000000001", Worker: "w", ExpiresAt: now, Staging: true}
		if _, err := s.BeginStage(t.Context(), up, now); err != nil {
			t.Fatal(err)
		}
		tidy := up
		tidy.ID, tidy.Staging = "20000000-0000-4000-8000-000000000002", false
		if err := s.ClaimUnstaged(t.Context(), tidy); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("while it is being staged: %v", err)
		}
		if err := s.AbortUpload(t.Context(), up, now); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Image(t.Context(), admin, img.ID); err != nil || got.Status != glance.Queued {
			t.Errorf("after it was given up: %+v, %v", got, err)
		}
		if _, err := s.BeginStage(t.Context(), up, now); err != nil {
			t.Fatal(err)
		}
		if err := s.FinishStage(t.Context(), up, 7, "http://host", now); err != nil {
			t.Fatal(err)
		}
		got, err := s.Image(t.Context(), admin, img.ID)
		if err != nil || got.Status != glance.Uploading || got.Size != 7 || *got.Properties[glance.StageHost] != "http://host" {
			t.Errorf("staged: %+v, %v", got, err)
		}
		if err := s.ClaimUnstaged(t.Context(), tidy); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("what is staged: %v", err)
		}
		// Whoever tidies a store of the image does not take it for a dead upload.
		if err := s.ClaimUnlocated(t.Context(), tidy, "one"); err != nil {
			t.Fatal(err)
		}
		if err := s.AbortUpload(t.Context(), tidy, now); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Image(t.Context(), admin, img.ID); err != nil || got.Status != glance.Uploading {
			t.Errorf("after tidying: %+v, %v", got, err)
		}
		if err := s.FinishStage(t.Context(), up, 7, "", now); !errors.Is(err, glance.ErrUploadLost) {
			t.Errorf("twice: %v", err)
		}
	})
}
