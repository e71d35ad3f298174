package service

import (
	"context"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/fault"
)

// AddTag gives the image a tag; one that it has already is success.
func (s *Service) AddTag(ctx context.Context, id, tag string) error {
	return s.changeTags(ctx, id, func(img *glance.Image) error {
		img.Tags = append(img.Tags, tag)
		normalise(img)
		if n := len(img.Tags); over(n, s.config.ImageTagQuota) {
			return fault.TooLarge("Image tag limit exceeded for image %s: %s:", id, s.tagLimit(n))
		}
		return nil
	})
}

// DeleteTag takes a tag away; a missing one is 404.
func (s *Service) DeleteTag(ctx context.Context, id, tag string) error {
	return s.changeTags(ctx, id, func(img *glance.Image) error {
		i := slices.Index(img.Tags, tag)
		if i < 0 {
			return fault.NotFound("The resource could not be found.")
		}
		img.Tags = slices.Delete(img.Tags, i, i+1)
		return nil
	})
}

func (s *Service) changeTags(ctx context.Context, id string, fn func(*glance.Image) error) error {
	img, err := s.store.UpdateImage(ctx, seenBy(ctx), id, s.clock.Now(), fn)
	if err != nil {
		return missing(err, id)
	}
	s.notify(ctx, "image.update", img)
	return nil
}
