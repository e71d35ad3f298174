package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Image is an image that the caller may see.
func (s *Service) Image(ctx context.Context, id string) (glance.Image, error) {
	img, err := s.store.Image(ctx, seenBy(ctx), id)
	return img, missing(err, id)
}

// missing words a missing image; other errors are told where they happened.
func missing(err error, id string) error {
	switch {
	case errors.Is(err, db.ErrNoRow):
		return fault.NotFound("No image found with ID %s", id)
	case err == nil:
		return nil
	}
	if _, ok := fault.Of(err); ok {
		return err
	}
	return fmt.Errorf("image %s: %w", id, err)
}

// Images is a page of the images that the caller may see and that pass f.
// p.Limit is bounded by the configuration; 0 asks for the default.
func (s *Service) Images(ctx context.Context, f glance.Filter, p db.Page) ([]glance.Image, error) {
	found, err := s.store.Images(ctx, seenBy(ctx), f, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("No image found with ID %s", p.Marker)
	} else if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	return found, nil
}

// CreateImage records a queued image. want carries what the request says; an
// ID of "" asks for a new one.
func (s *Service) CreateImage(ctx context.Context, want glance.Image) (glance.Image, error) {
	if want.ID == "" {
		want.ID = uuid.New()
	}
	normalise(&want)
	if err := s.mayCreate(ctx, want); err != nil {
		return glance.Image{}, err
	}
	if err := s.checkLimits(ctx, glance.Image{}, want); err != nil {
		return glance.Image{}, err
	}
	q, err := s.quotaOf(ctx)
	if err != nil {
		return glance.Image{}, err
	}
	err = s.store.InsertImage(ctx, want, q.check(wanted{glance.ImageCountTotal: 1})...)
	if errors.Is(err, db.ErrDuplicate) {
		return glance.Image{}, fault.Conflict("Image ID %s already exists!", want.ID)
	} else if err != nil {
		return glance.Image{}, fmt.Errorf("create image: %w", err)
	}
	slog.InfoContext(ctx, "image created", "image", want.ID)
	s.notify(ctx, "image.create", want)
	return want, nil
}

// NewImage is an image of that owner as the service makes it, to be filled in.
func (s *Service) NewImage(owner string) glance.Image {
	return glance.NewImage("", owner, s.clock.Now())
}

// normalise makes a set of the tags.
func normalise(img *glance.Image) {
	img.Tags = slices.Compact(slices.Sorted(slices.Values(img.Tags)))
	if img.Tags == nil {
		img.Tags = []string{}
	}
}

// maxInt is the largest number of MiB or GiB that the original can store.
const maxInt = 1<<31 - 1

// checkLimits checks what a request changed in an image from was to now.
func (s *Service) checkLimits(ctx context.Context, was, now glance.Image) error {
	for _, n := range []struct {
		name  string
		value int64
	}{{"min_disk", now.MinDisk}, {"min_ram", now.MinRAM}} {
		if n.value < 0 {
			return fault.BadRequest("Invalid value '%d' for parameter '%s': Cannot be a negative value", n.value, n.name)
		}
		if n.value > maxInt {
			return fault.BadRequest("'%s' value out of range, must not exceed %d.", n.name, maxInt)
		}
	}
	if n := len(now.Tags); over(n, s.config.ImageTagQuota) && n > len(was.Tags) {
		return fault.TooLarge("%s", s.tagLimit(n))
	}
	if n, more := s.countProperties(ctx, was, now); more && over(n, s.config.ImagePropertyQuota) {
		return fault.TooLarge("The limit has been exceeded on the number of allowed image properties. "+
			"Attempted: %d, Maximum: %d", n, s.config.ImagePropertyQuota)
	}
	return nil
}

func (s *Service) tagLimit(attempted int) string {
	return fmt.Sprintf("The limit has been exceeded on the number of allowed image tags. "+
		"Attempted: %d, Maximum: %d", attempted, s.config.ImageTagQuota)
}

func over(n, quota int) bool { return quota >= 0 && n > quota }

// countProperties counts the properties that are not the service's, as far as
// the caller may know of them, which are those that he may read and those that
// he has just written; more tells whether any is new.
func (s *Service) countProperties(ctx context.Context, was, now glance.Image) (n int, more bool) {
	readable := s.Readable(ctx)
	for name, value := range now.Properties {
		before, there := was.Properties[name]
		more = more || !there
		written := !there || before != value // a value is never changed in place
		if !strings.HasPrefix(name, glance.ReservedNamespace) && (written || readable == nil || readable(name)) {
			n++
		}
	}
	return n, more
}

// DeleteImage deletes an image that is not protected, and its bytes.
func (s *Service) DeleteImage(ctx context.Context, id string) error {
	now := s.clock.Now()
	was, err := s.store.DeleteImage(ctx, seenBy(ctx), id, s.config.DelayedDelete, now, func(img glance.Image) error {
		if img.Protected {
			return fault.Forbidden("Image %s is protected and cannot be deleted.", id)
		}
		for _, l := range img.Locations {
			if err := s.mayRemove(ctx, l); err != nil {
				return err
			}
		}
		return img.To(glance.Deleted)
	}, func(ctx context.Context, tx *db.Tx) error {
		gone := errImageGone().Error()
		return errors.Join(s.imports.Cancel(ctx, tx, id, gone), s.locating.Cancel(ctx, tx, id, gone))
	})
	if err != nil {
		return missing(err, id)
	}
	if !s.config.DelayedDelete {
		for _, l := range was.Locations {
			s.removeBytes(ctx, l)
		}
	}
	s.removeStaged(ctx, was)
	if s.cache != nil {
		if _, err := s.evict(ctx, id); err != nil {
			slog.WarnContext(ctx, "cached image not removed yet", "image", id, "error", err)
		}
	}
	slog.InfoContext(ctx, "image deleted", "image", id)
	was.Status, was.DeletedAt = glance.Deleted, &now
	s.notify(ctx, "image.delete", was)
	return nil
}

// Deactivate keeps all but admins from reading the image's bytes.
func (s *Service) Deactivate(ctx context.Context, id string) error {
	return s.toggle(ctx, id, "deactivate", glance.Active, glance.Deactivated)
}

// Reactivate undoes Deactivate.
func (s *Service) Reactivate(ctx context.Context, id string) error {
	return s.toggle(ctx, id, "reactivate", glance.Deactivated, glance.Active)
}

func (s *Service) toggle(ctx context.Context, id, verb string, from, to glance.Status) error {
	img, err := s.store.UpdateImage(ctx, seenBy(ctx), id, s.clock.Now(), func(img *glance.Image) error {
		if img.Status != from && img.Status != to {
			return fault.Forbidden("Not allowed to %s image in status '%s'", verb, img.Status)
		}
		img.Status = to
		return nil
	})
	if err != nil {
		return missing(err, id)
	}
	s.notify(ctx, "image.update", img)
	return nil
}
