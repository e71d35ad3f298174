package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// The methods of import.
const (
	GlanceDirect   = "glance-direct"   // what was staged
	WebDownload    = "web-download"    // what is at a URL
	CopyImage      = "copy-image"      // what another store has
	GlanceDownload = "glance-download" // what the image service of another region has
)

// ImportRequest is what a client asks to be imported.
type ImportRequest struct {
	Method  string
	URI     string      // of web-download
	Remote  RemoteImage // of glance-download
	Stores  []string    // nil: the default one
	All     bool        // all stores
	MayFail bool        // a store that gets nothing does not undo the others
	Body    json.RawMessage
}

// RemoteImage is an image of another region.
type RemoteImage struct {
	Region    string `json:"region,omitempty"`
	ImageID   string `json:"image_id,omitempty"`
	Interface string `json:"interface,omitempty"` // public, internal or admin
}

// ImportImage records a task that brings bytes to an image, together with the
// flow that does it. allow is asked once the image's state fits.
func (s *Service) ImportImage(ctx context.Context, id string, req ImportRequest, allow func(glance.Image) error) error {
	q, err := s.quotaOf(ctx)
	if err != nil {
		return err
	}
	img, err := s.Image(ctx, id)
	if err != nil {
		return err
	}
	var begun imageImport
	if importable(img, req) == nil && allow(img) == nil { // else others are asked in vain
		begun.Certificate, begun.Refusal = s.vouch(ctx, id, img.Properties)
		begun.Trust = s.trustFor(ctx, req.Method)
	}
	err = s.store.Import(ctx, id, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		if err := tx.Check(ctx, q.check(wanted{glance.ImageSizeTotal: 0})...); err != nil {
			return err
		}
		if tx.Image.DeletedAt != nil {
			return db.ErrNoRow
		}
		if err := importable(tx.Image, req); err != nil {
			return err
		}
		if err := allow(tx.Image); err != nil {
			return err
		}
		st, err := s.beginImport(ctx, tx, req)
		if err != nil || st == nil {
			return err
		}
		st.Trust, st.Certificate, st.Refusal = begun.Trust, begun.Certificate, begun.Refusal
		begun = *st
		s.remember(st, auth.Caller(ctx).Token)
		return s.imports.Start(ctx, tx.Tx, id, *st)
	})
	if err != nil || begun.TaskID == "" {
		s.forget(ctx, &begun)
	}
	return missing(err, id)
}

// importable checks the image's state and that the request is whole.
func importable(img glance.Image, req ImportRequest) error {
	switch m := req.Method; {
	case img.Status == glance.Active && m != CopyImage:
		return fault.Conflict("Image with status active cannot be target for import")
	case img.Status != glance.Active && m == CopyImage:
		return fault.Conflict("Only images with status active can be targeted for copying")
	case img.Status != glance.Queued && (m == WebDownload || m == GlanceDownload):
		return fault.Conflict("Image needs to be in 'queued' state to use '%s' method", m)
	case img.Status != glance.Uploading && m == GlanceDirect:
		return fault.Conflict("Image needs to be staged before 'glance-direct' method can be used")
	case img.ContainerFormat == "":
		return fault.Conflict("'container_format' needs to be set before import")
	case img.DiskFormat == "":
		return fault.Conflict("'disk_format' needs to be set before import")
	case m == GlanceDownload && req.Remote.Region == "":
		return fault.BadRequest("'glance_region' needs to be set for glance-download import method")
	case m == GlanceDownload && req.Remote.ImageID == "":
		return fault.BadRequest("'glance_image_id' needs to be set for glance-download import method")
	case m == GlanceDownload && !uuid.Valid(req.Remote.ImageID):
		return fault.BadRequest("Remote image id does not look like a UUID: %s", req.Remote.ImageID)
	}
	return nil
}

// beginImport writes the task and what clients see of it on the image, and gives
// the state of the flow; nil if there is nothing to do.
func (s *Service) beginImport(ctx context.Context, tx *store.Import, req ImportRequest) (*imageImport, error) {
	if err := s.notBusy(ctx, tx, req); err != nil {
		return nil, err
	}
	stores, err := s.targets(tx.Image, req)
	if err != nil {
		return nil, err
	}
	if len(stores) == 0 { // clients wait until the first list is there and empty, and then read the other
		for _, name := range []string{glance.ImportingToStores, glance.FailedImport} {
			setList(&tx.Image, name, func(list []string) []string { return list })
		}
		return nil, tx.Save(ctx)
	}
	if req.Method == WebDownload && !s.config.ImportFiltering.Passes(req.URI) {
		return nil, fault.BadRequest("URI for web-download does not pass filtering: %s", req.URI)
	}
	st := &imageImport{ImageID: tx.Image.ID, TaskID: uuid.New(), Method: req.Method, URI: req.URI, Remote: req.Remote, Stores: stores,
		AllMustSucceed: !req.MayFail, Was: formats{tx.Image.DiskFormat, tx.Image.ContainerFormat}}
	if req.Method != CopyImage {
		st.Plugins = s.plugins()
		tx.Image.Status = glance.Importing
	}
	setList(&tx.Image, glance.ImportingToStores, func(list []string) []string { return union(list, stores) })
	setList(&tx.Image, glance.FailedImport, func(list []string) []string { return without(list, stores) })
	tx.Image.Properties[glance.ImportTask] = &st.TaskID
	delete(tx.Image.Properties, glance.StageHost)
	if err := tx.Save(ctx); err != nil {
		return nil, err
	}
	task, err := s.newTask(ctx, st.TaskID, glance.ImageImport, map[string]any{"image_id": st.ImageID, "import_req": req.Body, "backend": stores})
	if err != nil {
		return nil, err
	}
	task.ImageID = st.ImageID
	return st, tx.InsertTask(ctx, task)
}

// notBusy refuses an image that another import has, or that is still being staged.
func (s *Service) notBusy(ctx context.Context, tx *store.Import, req ImportRequest) error {
	held := false
	if req.Method == GlanceDirect {
		var err error
		if held, err = tx.Held(ctx); err != nil {
			return err
		}
	}
	live, err := s.hasTask(ctx, tx)
	if err == nil && (live || held) {
		err = fault.Conflict("Image has active task")
	}
	return err
}

// hasTask reports whether a flow brings bytes to the image, or hashes them.
func (s *Service) hasTask(ctx context.Context, tx *store.Import) (bool, error) {
	imports, err := s.imports.Live(ctx, tx.Tx, tx.Image.ID)
	if err != nil || imports {
		return imports, err
	}
	return s.locating.Live(ctx, tx.Tx, tx.Image.ID)
}

// targets are the stores that are to get the bytes; none if all have them.
func (s *Service) targets(img glance.Image, req ImportRequest) ([]string, error) {
	stores := slices.Clone(req.Stores)
	switch {
	case req.All:
		for _, b := range s.keepers() {
			stores = append(stores, b.ID)
		}
	case req.Stores == nil:
		stores = []string{s.backends[0].ID}
	}
	for _, id := range stores {
		if s.backend(id) == nil {
			return nil, fault.Conflict("Unknown scheme '%s' found in URI", id)
		}
		if _, err := s.storeFor(id); err != nil {
			return nil, err
		}
	}
	if req.Method != CopyImage {
		return slices.Compact(stores), nil
	}
	if req.All {
		return slices.DeleteFunc(stores, img.In), nil
	}
	for _, id := range stores {
		if img.In(id) {
			return nil, fault.BadRequest("Image is already present at store '%s'", id)
		}
	}
	return slices.Compact(stores), nil
}

// setList changes a property that is a list of stores.
func setList(img *glance.Image, property string, change func([]string) []string) {
	var list []string
	if v := img.Properties[property]; v != nil && *v != "" {
		list = strings.Split(*v, ",")
	}
	text := strings.Join(change(list), ",")
	img.Properties[property] = &text
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a), b...))))
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
