package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// importStores gives the staged bytes to each store that has not got them yet.
func (s *Service) importStores(ctx context.Context, st *imageImport) error {
	last := st.Stores[len(st.Stores)-1]
	for _, id := range st.Stores {
		img, err := s.importing(ctx, st.ImageID)
		if err != nil {
			return err
		}
		if slices.Contains(listOf(img, glance.FailedImport), id) {
			continue // before the process was killed
		}
		st.At = id
		if !img.In(id) {
			err = importFault(s.importTo(ctx, st, id), st.ImageID)
		}
		_, again := flow.RetryOf(err)
		switch {
		case err == nil:
			err = s.importedTo(ctx, st, id, last)
		case !st.AllMustSucceed && !again && ctx.Err() == nil:
			slog.WarnContext(ctx, "image not imported to a store", "image", st.ImageID, "store", id, "error", err)
			err = s.gaveUp(ctx, st, id, last)
		}
		if err != nil {
			return err
		}
		st.At = ""
	}
	return nil
}

// importing is the flow's image, unless it was deleted.
func (s *Service) importing(ctx context.Context, imageID string) (glance.Image, error) {
	img, err := s.store.AnyImage(ctx, imageID)
	if err == nil && img.DeletedAt != nil {
		err = errImageGone()
	}
	return img, err
}

func listOf(img glance.Image, name string) []string {
	if v := img.Properties[name]; v != nil && *v != "" {
		return strings.Split(*v, ",")
	}
	return nil
}

// importTo gives the staged bytes to one store.
func (s *Service) importTo(ctx context.Context, st *imageImport, id string) error {
	if s.backend(id) == nil {
		return fault.Conflict("Unknown scheme '%s' found in URI", id)
	}
	if err := s.awaitUpload(ctx, st); err != nil {
		return err
	}
	src, err := s.staging[st.Area].Open(ctx, st.ImageID, 0)
	if err != nil {
		return errStaged(err)
	}
	defer src.Close()
	err = s.AddData(s.asCaller(ctx, st), st.ImageID,
		Data{Body: s.watched(ctx, st, id, src), Length: glance.None, Store: id, certificate: st.Certificate})
	if err != nil {
		err = errors.Join(err, s.awaitUpload(ctx, st)) // somebody was faster
	}
	return err
}

// awaitUpload waits for whoever writes bytes of the image, or tidies its stores.
// One that died with an earlier owner of the flow is undone.
func (s *Service) awaitUpload(ctx context.Context, st *imageImport) error {
	held, err := s.store.Held(ctx, st.ImageID)
	if err != nil || !held {
		return err
	}
	if err := s.healUploads(ctx); err != nil {
		return err
	}
	if held, err = s.store.Held(ctx, st.ImageID); err != nil || !held {
		return err
	}
	return flow.Retry(errors.New("somebody else writes bytes of the image"), time.Second)
}

// importedTo tells that a store has the bytes, and makes the image active when
// that is enough. Of the last store the end of the flow tells.
func (s *Service) importedTo(ctx context.Context, st *imageImport, id, last string) error {
	if id == last {
		return nil
	}
	return s.changeImport(ctx, st.ImageID, flow.Guard, func(img *glance.Image) error {
		if img.Status == glance.Importing && !st.AllMustSucceed {
			img.Status = glance.Active
		}
		setList(img, glance.ImportingToStores, func(l []string) []string { return without(l, []string{id}) })
		return nil
	})
}

// gaveUp tells that a store has nothing, but not that the last one is over.
func (s *Service) gaveUp(ctx context.Context, st *imageImport, id, last string) error {
	return s.changeImport(ctx, st.ImageID, flow.Guard, func(img *glance.Image) error {
		if id != last {
			setList(img, glance.ImportingToStores, func(l []string) []string { return without(l, []string{id}) })
		}
		setList(img, glance.FailedImport, func(l []string) []string { return union(l, []string{id}) })
		return nil
	})
}

// importUnstore removes what the flow brought to stores, none of which had the
// image before. What one has that does not answer is removed as bytes that no
// image has, once it does.
func (s *Service) importUnstore(ctx context.Context, st *imageImport) error {
	if err := s.awaitUpload(ctx, st); err != nil {
		return err
	}
	err := s.store.Import(ctx, st.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		if err := tx.Unlocate(ctx, st.Stores); err != nil {
			return err
		}
		return flow.Guard(ctx, tx.Tx)
	})
	if err != nil {
		return err
	}
	for _, id := range st.Stores {
		if err := s.emptied(ctx, st.ImageID, id); err != nil {
			return err
		}
	}
	return nil
}

// emptied is empty that keeps nobody waiting for a store that does not answer.
func (s *Service) emptied(ctx context.Context, imageID, storeID string) error {
	b := s.backend(storeID)
	if b == nil {
		return nil
	}
	err := s.empty(ctx, *b, imageID)
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "bytes may be left in a store until it answers", "image", imageID, "store", storeID, "error", err)
		return nil
	}
	return err
}
