package service

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// imageImport is the state of the flow that brings bytes to an image.
type imageImport struct {
	ImageID        string      `json:"image_id"`
	TaskID         string      `json:"task_id"`
	Method         string      `json:"method"` // or the type of a task that makes the image too
	URI            string      `json:"uri,omitempty"`
	Remote         RemoteImage `json:"remote,omitzero"`
	Trust          string      `json:"trust,omitempty"` // by which the caller's token is replaced
	Stores         []string    `json:"stores"`
	AllMustSucceed bool        `json:"all_must_succeed"`
	Plugins        []string    `json:"plugins,omitempty"` // in running order

	New         *glance.Image `json:"new,omitempty"`         // the image to make
	Refusal     string        `json:"refusal,omitempty"`     // why nothing will be imported
	Certificate *certificate  `json:"certificate,omitempty"` // of a signed image

	Was     formats             `json:"was"`               // of the image before
	Changed map[string]property `json:"changed,omitempty"` // properties as they were before
	Area    int                 `json:"area"`              // of staging: which has the bytes
	At      string              `json:"at,omitempty"`      // the store that is written to
}

type formats struct {
	Disk      string `json:"disk"`
	Container string `json:"container"`
}

// property is the value of one, or that it was not there.
type property struct {
	There bool    `json:"there"`
	Value *string `json:"value"`
}

// legacy reports whether the task makes its image.
func (st *imageImport) legacy() bool { return st.Method == string(glance.LegacyImport) }

// importFlow brings bytes into the staging area, has the plugins change them
// there, and copies them to each store. The image is active when all stores that
// must have them do. What tells a client that it is over ends the flow too, for
// then the next import may come.
func (s *Service) importFlow() flow.Flow[imageImport] {
	return flow.Flow[imageImport]{Name: "image_import",
		Steps: []flow.Step[imageImport]{
			{Name: "create", Do: s.importCreate, Undo: s.importUncreate},
			{Name: "admit", Do: s.importAdmit, Light: true},
			{Name: "stage", Do: s.importStage},
			{Name: "plugin_1", Do: s.plugin(1)},
			{Name: "plugin_2", Do: s.plugin(2)},
			{Name: "plugin_3", Do: s.plugin(3)},
			{Name: "stores", Do: s.importStores, Undo: s.importUnstore},
			{Name: "unstage", Do: s.importUnstage},
			{Name: "finish", Do: s.importFinish},
		},
		Failed: s.importFailed,
	}
}

// changeImport runs fn on the image of a flow, and end at the end of the same
// transaction. An image that was deleted ends the flow.
func (s *Service) changeImport(ctx context.Context, imageID string, end func(context.Context, *db.Tx) error, fn func(img *glance.Image) error) error {
	return s.store.Import(ctx, imageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		if tx.Image.DeletedAt != nil {
			return errImageGone()
		}
		if err := fn(&tx.Image); err != nil {
			return err
		}
		if err := tx.Save(ctx); err != nil {
			return err
		}
		return end(ctx, tx.Tx)
	})
}

func errImageGone() error { return fault.NotFound("Image has been deleted, aborting import.") }

// importCreate makes the image of a task that begins with one, unless it is known
// already that nothing will be imported.
func (s *Service) importCreate(ctx context.Context, st *imageImport) error {
	if st.Refusal != "" {
		return fault.BadRequest("%s", st.Refusal)
	}
	if !st.legacy() {
		return nil
	}
	img := *st.New
	if err := img.To(glance.Saving); err != nil { // its formats, that is
		return err
	}
	if err := s.mayCreate(ctx, img); err != nil {
		return err
	}
	normalise(&img)
	if err := s.checkLimits(ctx, glance.Image{}, img); err != nil {
		return err
	}
	img.Status = glance.Importing
	q, err := s.quotaOf(ctx)
	if err != nil {
		return err
	}
	err = s.store.InsertImage(ctx, img, q.check(wanted{glance.ImageCountTotal: 1})...)
	if errors.Is(err, db.ErrDuplicate) {
		return nil // before the process was killed
	}
	if err == nil {
		s.notify(ctx, "image.create", img)
	}
	return err
}

// importUncreate deletes the image that nobody has asked for but the task.
func (s *Service) importUncreate(ctx context.Context, st *imageImport) error {
	if !st.legacy() {
		return nil
	}
	_, err := s.store.DeleteImage(ctx, glance.Visible{All: true}, st.ImageID, false, s.clock.Now(),
		func(glance.Image) error { return nil })
	if errors.Is(err, db.ErrNoRow) {
		return nil
	}
	return err
}

// importAdmit waits for whoever tidies a store of the image, and asks the limits.
func (s *Service) importAdmit(ctx context.Context, st *imageImport) error {
	q, err := s.quotaOf(ctx)
	if err != nil {
		return err
	}
	if err := s.awaitUpload(ctx, st); err != nil {
		return err
	}
	return s.store.Import(ctx, st.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		w := wanted{glance.ImageStageTotal: max(tx.Image.Size, 0) / glance.MiB, glance.ImageCountUploading: 0}
		if st.Method == GlanceDirect {
			w = wanted{glance.ImageSizeTotal: max(tx.Image.Size, 0) / glance.MiB}
		}
		return tx.Check(ctx, q.check(w)...)
	})
}

// importFinish makes the image active.
func (s *Service) importFinish(ctx context.Context, st *imageImport) error {
	var img glance.Image
	err := s.store.Import(ctx, st.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		switch img := &tx.Image; {
		case img.DeletedAt != nil:
			return errImageGone()
		case !img.HasData():
			return fault.Conflict("None of the uploads finished!")
		case img.Status == glance.Importing:
			img.Status = glance.Active
		}
		setList(&tx.Image, glance.ImportingToStores, func(l []string) []string { return without(l, st.Stores) })
		err := s.endTask(ctx, tx, st.TaskID)
		img = tx.Image
		return err
	})
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "image imported", "image", img.ID, "method", st.Method, "bytes", img.Size)
	s.notify(ctx, "image.upload", img)
	s.notify(ctx, "image.activate", img)
	return nil
}

// endTask ends a task and its flow, and gives the image free.
func (s *Service) endTask(ctx context.Context, tx *store.Import, taskID string) error {
	delete(tx.Image.Properties, glance.ImportTask)
	if err := tx.Save(ctx); err != nil {
		return err
	}
	result, err := json.Marshal(map[string]string{"image_id": tx.Image.ID})
	if err != nil {
		return err
	}
	if err := tx.EndTask(ctx, taskID, glance.TaskSuccess, string(result), "", s.taskExpiry()); err != nil {
		return err
	}
	return flow.Done(ctx, tx.Tx)
}

// importFailed empties the staging area, makes the image what it was before, and
// tells where it got nothing, and why.
func (s *Service) importFailed(ctx context.Context, st *imageImport, failure error) error {
	if err := s.importUnstage(ctx, st); err != nil {
		return err
	}
	err := s.failTask(ctx, st.ImageID, st.TaskID, failure, st.restore)
	if errors.Is(err, db.ErrNoRow) { // a task that did not come to make its image
		err = s.store.EndTask(ctx, st.TaskID, glance.TaskFailure, taskMessage(failure), s.taskTime(), s.taskExpiry())
	}
	return err
}

// failTask ends a task and its flow, and has restore make of its image what it was.
func (s *Service) failTask(ctx context.Context, imageID, taskID string, failure error, restore func(*glance.Image)) error {
	return s.store.Import(ctx, imageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		if tx.Image.DeletedAt == nil {
			restore(&tx.Image)
			delete(tx.Image.Properties, glance.ImportTask)
			if err := tx.Save(ctx); err != nil {
				return err
			}
		}
		if err := tx.EndTask(ctx, taskID, glance.TaskFailure, "", taskMessage(failure), s.taskExpiry()); err != nil {
			return err
		}
		return flow.Done(ctx, tx.Tx)
	})
}

// restore undoes what the flow changed in its image.
func (st *imageImport) restore(img *glance.Image) {
	if st.Method != CopyImage && !img.HasData() {
		img.Status, img.Size, img.VirtualSize = glance.Queued, glance.None, glance.None
		img.Checksum, img.HashAlgo, img.HashValue = "", "", ""
		img.DiskFormat, img.ContainerFormat = st.Was.Disk, st.Was.Container
		for name, was := range st.Changed {
			if img.Properties[name] = was.Value; !was.There {
				delete(img.Properties, name)
			}
		}
	}
	failed := st.Stores
	if st.At != "" {
		failed = []string{st.At}
	}
	setList(img, glance.ImportingToStores, func(l []string) []string { return without(l, st.Stores) })
	setList(img, glance.FailedImport, func(l []string) []string { return union(l, failed) })
}

// setProperty changes a property so that restore finds what it was.
func (st *imageImport) setProperty(img *glance.Image, name, value string) {
	if _, noted := st.Changed[name]; !noted {
		if st.Changed == nil {
			st.Changed = map[string]property{}
		}
		was, there := img.Properties[name]
		st.Changed[name] = property{there, was}
	}
	img.Properties[name] = &value
}

// taskMessage says why a task failed, to its owner.
func taskMessage(failure error) string {
	f, ok := fault.Of(failure)
	switch {
	case errors.Is(failure, flow.ErrCancelled):
		return "Image has been deleted, aborting import."
	case !ok:
		return "Task failed due to Internal Error"
	case f.Detail != "":
		return f.Detail
	}
	return f.Message
}

// importFault words what ended a step of an import.
func importFault(err error, imageID string) error {
	if _, worded := fault.Of(err); worded || err == nil || errors.Is(err, db.ErrNoRow) {
		return err
	}
	return uploadFault(err, imageID)
}
