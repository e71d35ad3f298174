package service

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/uuid"
)

// locationImport is the state of the flow that gives an image the bytes at a URL.
type locationImport struct {
	ImageID   string `json:"image_id"`
	TaskID    string `json:"task_id"`
	URL       string `json:"url"`
	Hash      bool   `json:"hash"` // what is there
	HashAlgo  string `json:"os_hash_algo,omitempty"`
	HashValue string `json:"os_hash_value,omitempty"` // that the client vouches for; "" is any

	Location string `json:"location,omitempty"` // its ID, once the image has it
	Store    string `json:"store,omitempty"`    // whose own object it is; "" is somebody else's
}

// verified reports whether the image is active only once its hash is found true.
func (st *locationImport) verified() bool { return st.Hash && st.HashValue != "" }

// AddLocation records a task that makes a queued image active with the bytes at
// a URL, together with the flow that does it. With do_secure_hash they are
// hashed; an image whose hash is told is active only then.
func (s *Service) AddLocation(ctx context.Context, id string, n NewLocation) error {
	if _, err := s.Image(ctx, id); err != nil {
		return err
	}
	err := s.store.Import(ctx, id, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		if tx.Image.DeletedAt != nil {
			return db.ErrNoRow
		}
		if err := takesLocation(tx.Image); err != nil {
			return err
		}
		if err := hashFits(n.Validation); err != nil {
			return err
		}
		if err := s.notBusy(ctx, tx, ImportRequest{}); err != nil {
			return err
		}
		st, err := s.beginLocating(ctx, tx, n)
		if err != nil {
			return err
		}
		return s.locating.Start(ctx, tx.Tx, id, st)
	})
	return missing(err, id)
}

func takesLocation(img glance.Image) error {
	if img.Status != glance.Queued {
		return fault.Conflict("It's not allowed to add locations if image status is %s.", img.Status)
	}
	return nil
}

// hashFits checks that what a client vouches for can be a hash.
func hashFits(of map[string]string) error {
	value, told := of["os_hash_value"]
	algo := of["os_hash_algo"]
	switch {
	case told && !isHex(value):
		return fault.BadRequest("os_hash_value (%s) is not a valid hexadecimal value", value)
	case told && len(value) != 2*hashSizes[algo]:
		return fault.BadRequest("os_hash_value: (%s) is not the correct size for (%s) (should be (%d) bytes)", value, algo, hashSizes[algo])
	}
	return nil
}

// beginLocating writes the task and what clients see of it on the image, and
// gives the state of the flow.
func (s *Service) beginLocating(ctx context.Context, tx *store.Import, n NewLocation) (locationImport, error) {
	st := locationImport{ImageID: tx.Image.ID, TaskID: uuid.New(), URL: n.URL, Hash: s.config.DoSecureHash,
		HashAlgo: n.Validation["os_hash_algo"], HashValue: n.Validation["os_hash_value"]}
	if st.Hash && st.HashAlgo == "" {
		st.HashAlgo = hashAlgo
	}
	told := map[string]string{}
	maps.Copy(told, n.Validation)
	task, err := s.newTask(ctx, st.TaskID, glance.LocationImport,
		map[string]any{"image_id": st.ImageID, "loc_url": st.URL, "validation_data": told})
	if err != nil {
		return st, err
	}
	task.ImageID = st.ImageID
	tx.Image.Properties[glance.ImportTask] = &st.TaskID
	if err := tx.Save(ctx); err != nil {
		return st, err
	}
	return st, tx.InsertTask(ctx, task)
}

// locationFlow gives the image a location, and hashes what is there. An image
// that is active before it is hashed stays so, whatever the hashing comes to.
func (s *Service) locationFlow() flow.Flow[locationImport] {
	return flow.Flow[locationImport]{Name: "location_import",
		Steps: []flow.Step[locationImport]{
			{Name: "locate", Do: s.addLocated, Undo: s.removeLocated},
			{Name: "hash", Do: s.hashLocated},
			{Name: "finish", Do: s.finishLocated},
		},
		Failed: func(ctx context.Context, st *locationImport, failure error) error {
			return s.failTask(ctx, st.ImageID, st.TaskID, failure, func(*glance.Image) {})
		},
	}
}

// addLocated gives the image its location.
func (s *Service) addLocated(ctx context.Context, st *locationImport) error {
	if st.Location != "" {
		return nil
	}
	if err := s.store.Report(ctx, st.TaskID, "", s.taskTime()); err != nil {
		return err
	}
	n := NewLocation{URL: st.URL}
	if err := s.locate(ctx, st.ImageID, &n); err != nil {
		return err
	}
	var img glance.Image
	err := s.changeImport(ctx, st.ImageID, flow.Done, func(now *glance.Image) error {
		if err := takesLocation(*now); err != nil {
			return err
		}
		if err := now.To(glance.Active); err != nil {
			return err
		}
		st.located(now, n)
		img = *now
		return s.fewLocations(*now)
	})
	if err != nil {
		st.Location, st.Store = "", ""
		return err
	}
	s.notify(ctx, "image.update", img)
	return nil
}

// located changes the image by what was found.
func (st *locationImport) located(img *glance.Image, n NewLocation) {
	img.Status, img.Size, img.Locations = glance.Active, n.size, []glance.Location{n.at}
	if st.verified() {
		img.Status = glance.Importing
	}
	if img.HashAlgo = st.HashAlgo; !st.Hash {
		img.HashValue = st.HashValue
	}
	if st.Location = n.at.ID; n.at.Own() {
		st.Store = n.at.Store
	}
}

// removeLocated takes the location, and the store's own bytes there, from an
// image that is not active by it yet. One that is only loses the promise of a hash.
func (s *Service) removeLocated(ctx context.Context, st *locationImport) error {
	if st.Location == "" {
		return nil
	}
	var now glance.Image
	err := s.store.Import(ctx, st.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		img := &tx.Image
		if now = *img; img.DeletedAt != nil {
			return flow.Guard(ctx, tx.Tx)
		}
		if img.Status == glance.Importing {
			img.Status, img.Size, img.VirtualSize, img.Locations = glance.Queued, glance.None, glance.None, nil
			img.Checksum, img.HashValue = "", ""
		}
		if img.HashValue == "" {
			img.HashAlgo = ""
		}
		if err := tx.Save(ctx); err != nil {
			return err
		}
		now = *img
		return flow.Guard(ctx, tx.Tx)
	})
	if err != nil || now.DeletedAt != nil {
		return err
	}
	s.notify(ctx, "image.update", now)
	if now.Status != glance.Queued {
		return nil
	}
	return s.emptied(ctx, st.ImageID, st.Store)
}

// hashPause is how long a location that could not be read is left alone.
const hashPause = 10 * time.Second

// hashLocated hashes the image's bytes, http_retries times more if need be.
func (s *Service) hashLocated(ctx context.Context, st *locationImport) error {
	img, err := s.importing(ctx, st.ImageID)
	if err != nil || !st.Hash || img.HashValue != "" {
		return err
	}
	checksum, value, err := s.hashesOf(ctx, img, st.HashAlgo)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && flow.Attempt(ctx) < s.config.HTTPRetries:
		return flow.Retry(err, s.hashPause)
	case err != nil && (st.verified() || errors.Is(err, ErrNoData)):
		return fault.Conflict("Hash calculation failed for image %s data", st.ImageID).Cause(err)
	case err != nil:
		slog.WarnContext(ctx, "image not hashed", "image", st.ImageID, "error", err)
		return nil
	case st.verified() && value != st.HashValue:
		return fault.BadRequest("os_hash_value: (%s) not matched with actual os_hash_value: (%s)", st.HashValue, value)
	}
	return s.changeImport(ctx, st.ImageID, flow.Done, func(img *glance.Image) error {
		img.Checksum, img.HashAlgo, img.HashValue = checksum, st.HashAlgo, value
		return nil
	})
}

// finishLocated makes the image active, if it is not yet.
func (s *Service) finishLocated(ctx context.Context, st *locationImport) error {
	var img glance.Image
	err := s.store.Import(ctx, st.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		switch img := &tx.Image; {
		case img.DeletedAt != nil:
			return errImageGone()
		case img.Status == glance.Importing:
			img.Status = glance.Active
		}
		err := s.endTask(ctx, tx, st.TaskID)
		img = tx.Image
		return err
	})
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "image located", "image", img.ID, "bytes", img.Size)
	s.notify(ctx, "image.update", img)
	return nil
}

// adoptHashes has the flow hash what a process of an older version has recorded.
func (s *Service) adoptHashes(ctx context.Context) error {
	all, err := s.store.Hashings(ctx)
	var errs []error
	for _, h := range all {
		errs = append(errs, s.adoptHash(ctx, h))
	}
	return errors.Join(append(errs, err)...)
}

// adoptHash leaves alone what that process is at, and what is imported just now.
func (s *Service) adoptHash(ctx context.Context, h glance.Hashing) error {
	return s.store.Import(ctx, h.ImageID, s.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		held, err := tx.Held(ctx)
		if err != nil || held {
			return err
		}
		busy, err := s.hasTask(ctx, tx)
		if err != nil || busy {
			return err
		}
		taken, err := tx.TakeHashing(ctx)
		if err != nil || !taken || !tx.Image.HasData() {
			return err
		}
		st := locationImport{ImageID: h.ImageID, Hash: true, HashAlgo: h.HashAlgo, HashValue: h.HashValue}
		at := tx.Image.Locations[0]
		if st.Location = at.ID; at.Own() {
			st.Store = at.Store
		}
		return s.locating.Start(ctx, tx.Tx, h.ImageID, st)
	})
}
