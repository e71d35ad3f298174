package service

import (
	"context"
	"fmt"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/glance/protection"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// Change is one operation of a patch, its value checked against the schema.
type Change struct {
	Op       string // "add", "replace" or "remove"
	Property string
	Value    any  // string, nil, bool, int64 or []string
	Fresh    bool // add demands that the property is not there yet

	// Of the property "locations": those to add or to have instead, and where
	// to add or to remove one.
	Locations []NewLocation
	Position  string
}

// UpdateImage makes all of the changes or none.
func (s *Service) UpdateImage(ctx context.Context, id string, changes []Change) (glance.Image, error) {
	if len(changes) == 0 {
		return s.Image(ctx, id)
	}
	for _, c := range changes {
		for i := range c.Locations {
			if err := s.locateAnew(ctx, id, &c.Locations[i], c.Op); err != nil {
				return glance.Image{}, err
			}
		}
	}
	var was glance.Image
	img, err := s.store.UpdateImage(ctx, seenBy(ctx), id, s.clock.Now(), func(img *glance.Image) error {
		was = *img
		was.Properties, was.Locations = cloneProperties(img.Properties), slices.Clone(img.Locations)
		for _, c := range changes {
			if c.Property == "locations" {
				if err := s.changeLocations(img, c); err != nil {
					return err
				}
				continue
			}
			if err := s.apply(ctx, img, c); err != nil {
				return err
			}
		}
		normalise(img)
		return s.checkLimits(ctx, was, *img)
	})
	if err != nil {
		return img, missing(err, id)
	}
	s.dropped(ctx, was.Locations, img.Locations)
	s.notify(ctx, "image.update", img)
	return img, nil
}

// locateAnew is locate for what is not the image's already: that may only get
// other metadata.
func (s *Service) locateAnew(ctx context.Context, id string, n *NewLocation, op string) error {
	err := s.locate(ctx, id, n)
	if err == nil || op != "replace" {
		return err
	}
	img, ierr := s.Image(ctx, id)
	if ierr == nil && slices.ContainsFunc(img.Locations, func(l glance.Location) bool { return s.URLOf(l) == n.URL }) {
		return nil
	}
	return err
}

func cloneProperties(from map[string]*string) map[string]*string {
	to := make(map[string]*string, len(from))
	for k, v := range from {
		to[k] = v
	}
	return to
}

// The faults of a patch are worded in the part that WebOb calls detail.
func denied(format string, a ...any) *fault.Fault {
	f := fault.Forbidden("Access was denied to this resource.")
	f.Detail = fmt.Sprintf(format, a...)
	return f
}

func conflict(format string, a ...any) *fault.Fault {
	f := fault.Conflict("There was a conflict when trying to complete your request.")
	f.Detail = fmt.Sprintf(format, a...)
	return f
}

func (s *Service) apply(ctx context.Context, img *glance.Image, c Change) error {
	isProperty := s.has(ctx, img, c.Property)
	set := setters[c.Property]
	switch {
	case c.Op == "remove" && set != nil:
		return denied("Property %s may not be removed.", c.Property)
	case c.Op != "add" && set == nil && !isProperty:
		return conflict("Property %s does not exist.", c.Property)
	case c.Op == "add" && c.Fresh && (set != nil || isProperty):
		return conflict("Property %s already present.", c.Property)
	case c.Property == "owner" && !auth.Caller(ctx).Admin:
		return denied("Owner can't be updated by non admin.")
	case set != nil:
		return set(img, c.Value)
	case c.Op == "remove":
		if err := s.may(ctx, protection.Delete, c.Property); err != nil {
			return err
		}
		delete(img.Properties, c.Property)
		return nil
	}
	if err := s.mayWrite(ctx, img, c.Property); err != nil {
		return err
	}
	img.Properties[c.Property] = textOf(c.Value)
	return nil
}

// setters write the attributes that a patch may change.
var setters = map[string]func(*glance.Image, any) error{
	"name": func(img *glance.Image, v any) error {
		img.Name, img.Named = v.(string)
		return nil
	},
	"owner":      func(img *glance.Image, v any) error { img.Owner, _ = v.(string); return nil },
	"visibility": func(img *glance.Image, v any) error { img.Visibility = glance.Visibility(v.(string)); return nil },
	"protected":  func(img *glance.Image, v any) error { img.Protected = v.(bool); return nil },
	"os_hidden":  func(img *glance.Image, v any) error { img.Hidden = v.(bool); return nil },
	"min_disk":   func(img *glance.Image, v any) error { img.MinDisk = v.(int64); return nil },
	"min_ram":    func(img *glance.Image, v any) error { img.MinRAM = v.(int64); return nil },
	"tags":       func(img *glance.Image, v any) error { img.Tags = slices.Clone(v.([]string)); return nil },
	"disk_format": func(img *glance.Image, v any) error {
		img.DiskFormat, _ = v.(string)
		return ifQueued(img, "disk_format")
	},
	"container_format": func(img *glance.Image, v any) error {
		img.ContainerFormat, _ = v.(string)
		return ifQueued(img, "container_format")
	},
}

func ifQueued(img *glance.Image, name string) error {
	if img.Status == glance.Queued || img.Status == glance.Importing {
		return nil
	}
	return fault.Forbidden("Attribute %s can be only replaced for a queued image.", name)
}

// Set writes an attribute, or else a property, of an image that is not
// recorded yet. The value has passed the schema.
func Set(img *glance.Image, name string, value any) error {
	if set := setters[name]; set != nil {
		return set(img, value)
	}
	img.Properties[name] = textOf(value)
	return nil
}

func textOf(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}
