package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/pprint"
	"nacre/internal/oslo/uuid"
)

// NewLocation is a place that a client names for the bytes of an image.
type NewLocation struct {
	URL        string
	Metadata   map[string]any
	Validation map[string]string // checksum, os_hash_algo and os_hash_value that the client vouches for

	at   glance.Location // once it is found
	size int64
}

// restricted are the schemes by which a client could reach what is not the
// image's: files of this host, and accounts that are the service's own.
var restricted = []string{"file", "filesystem", "swift+config"}

// URLOf is where a location is, as those who read the store themselves name it.
func (s *Service) URLOf(l glance.Location) string {
	if b := s.backend(l.Store); l.Own() && b != nil && b.Blobs != nil {
		return b.Blobs.URL(l.ImageID)
	}
	return l.URL
}

// locate finds the store that reads a URL, and that there is something.
func (s *Service) locate(ctx context.Context, imageID string, n *NewLocation) error {
	n.at = glance.Location{ID: uuid.New(), ImageID: imageID, Status: glance.LocationActive, Metadata: map[string]any{}}
	for k, v := range n.Metadata {
		n.at.Metadata[k] = v
	}
	invalid := fault.BadRequest("Invalid location")
	u, err := url.Parse(n.URL)
	if err != nil || slices.Contains(restricted, strings.ToLower(u.Scheme)) {
		return invalid
	}
	err = blob.ErrNotFound
	for _, b := range s.keepers() {
		if b.Blobs.URL(imageID) == n.URL { // the object it would have uploaded itself
			n.at.Store = b.ID
			n.size, err = b.Blobs.Size(ctx, imageID)
		}
	}
	if b := s.readerOf(n.URL); n.at.Store == "" && b != nil {
		n.at.Store, n.at.URL = b.ID, n.URL
		n.size, err = b.Remote.Size(ctx, n.URL)
	}
	if err != nil || n.size < 1 {
		return invalid.Cause(err)
	}
	n.at.Metadata["store"] = n.at.Store
	return s.fits(ctx, imageID, n.size)
}

// fits refuses bytes that would exceed the quota of the image's owner.
func (s *Service) fits(ctx context.Context, imageID string, size int64) error {
	if s.quota == 0 {
		return nil
	}
	img, err := s.Image(ctx, imageID)
	if err != nil {
		return err
	}
	used, err := s.store.Bytes(ctx, img.Owner)
	if err != nil {
		return fmt.Errorf("count the project's bytes: %w", err)
	}
	if left := s.quota - used; size > left {
		return s.tooLarge(size, left)
	}
	return nil
}

// changeLocations applies a patch whose locations were found.
func (s *Service) changeLocations(img *glance.Image, c Change) error {
	verb := map[string]string{"add": "add", "replace": "replace", "remove": "remove"}[c.Op]
	if img.Status != glance.Active && (img.Status != glance.Queued || c.Op == "remove") {
		return fault.Conflict("It's not allowed to %s locations if image status is %s.", verb, img.Status)
	}
	switch c.Op {
	case "remove":
		return s.removeLocation(img, c.Position)
	case "replace":
		return s.replaceLocations(img, c.Locations)
	}
	known, err := validated(*img, c.Locations)
	if err != nil {
		return err
	}
	pos, ok := position(c.Position, len(img.Locations), true)
	if !ok {
		return fault.BadRequest("Invalid position for adding a location.")
	}
	n := c.Locations[0]
	for _, l := range img.Locations {
		if s.URLOf(l) == n.URL && (reflect.DeepEqual(l.Metadata, n.at.Metadata) || l.Own()) {
			return fault.BadRequest("The location %s already exists", n.URL)
		}
	}
	img.Locations = slices.Insert(img.Locations, min(pos, len(img.Locations)), n.at)
	if err := s.fewLocations(*img); err != nil {
		return err
	}
	return settle(img, c.Locations, known)
}

func (s *Service) fewLocations(img glance.Image) error {
	if n := len(img.Locations); over(n, s.config.ImageLocationQuota) {
		return fault.TooLarge("The limit has been exceeded on the number of allowed image locations. "+
			"Attempted: %d, Maximum: %d", n, s.config.ImageLocationQuota)
	}
	return nil
}

func (s *Service) removeLocation(img *glance.Image, at string) error {
	if len(img.Locations) == 1 {
		return fault.Forbidden("Cannot remove last location in the image.")
	}
	pos, ok := position(at, len(img.Locations), false)
	if !ok {
		return fault.BadRequest("Invalid position for removing a location.")
	}
	s.takeAway(img, pos)
	return nil
}

// takeAway removes a location, or leaves it to the scrubber.
func (s *Service) takeAway(img *glance.Image, i int) {
	if l := &img.Locations[i]; s.config.DelayedDelete && l.Own() {
		now := s.clock.Now()
		l.Status, l.DeletedAt = glance.LocationPendingDelete, &now
		return
	}
	img.Locations = slices.Delete(img.Locations, i, i+1)
}

// replaceLocations gives an image its first locations, or those it has other
// metadata or another order.
func (s *Service) replaceLocations(img *glance.Image, with []NewLocation) error {
	known, err := validated(*img, with)
	if err != nil {
		return err
	}
	have := map[string]glance.Location{}
	var old []any
	for _, l := range img.Locations {
		have[s.URLOf(l)] = l
		old = append(old, map[string]any{"url": s.URLOf(l), "metadata": l.Metadata})
	}
	var next []glance.Location
	for _, n := range with {
		l, ok := have[n.URL]
		if ok == (len(have) == 0) {
			return fault.BadRequest("Original locations is not empty: %s", pprint.Repr(old))
		}
		if !ok {
			l = n.at
		}
		l.Metadata = n.at.Metadata
		l.Metadata["store"] = l.Store
		if slices.ContainsFunc(next, func(o glance.Location) bool { return s.URLOf(o) == n.URL }) {
			return fault.BadRequest("The location %s already exists", n.URL)
		}
		next = append(next, l)
	}
	if len(have) > 0 && len(next) != len(have) {
		return fault.BadRequest("Original locations is not empty: %s", pprint.Repr(old))
	}
	img.Locations = next
	if err := s.fewLocations(*img); err != nil {
		return err
	}
	return settle(img, with, known)
}

// settle makes a queued image active by what was found at its locations.
func settle(img *glance.Image, found []NewLocation, known map[string]string) error {
	for _, n := range found {
		if img.Size <= 0 && n.size > 0 {
			img.Size = n.size
		}
	}
	if img.Status != glance.Queued {
		return nil
	}
	if err := img.To(glance.Active); err != nil {
		return err
	}
	img.Status = glance.Active
	for name, value := range known {
		*hashFields[name](img) = value
	}
	return nil
}

var hashFields = map[string]func(*glance.Image) *string{
	"checksum":      func(img *glance.Image) *string { return &img.Checksum },
	"os_hash_algo":  func(img *glance.Image) *string { return &img.HashAlgo },
	"os_hash_value": func(img *glance.Image) *string { return &img.HashValue },
}

// validated joins what clients vouch for of an image, as far as it is new.
func validated(img glance.Image, locations []NewLocation) (map[string]string, error) {
	all, fresh := map[string]string{}, map[string]string{}
	for _, l := range locations {
		for name, value := range l.Validation {
			if was, ok := all[name]; ok && was != value {
				return nil, fault.Conflict("Conflicting values for %s", name)
			}
			all[name] = value
		}
	}
	var names []string
	for _, name := range []string{"checksum", "os_hash_algo", "os_hash_value"} {
		value, given := all[name]
		is := *hashFields[name](&img)
		if !given || value == is {
			continue
		}
		if is != "" {
			return nil, fault.Conflict("%s is already set with a different value", name)
		}
		fresh[name], names = value, append(names, name)
	}
	switch {
	case len(fresh) == 0:
		return nil, nil
	case img.Status != glance.Queued:
		return nil, fault.Conflict("New value(s) for %s may only be provided when image status is 'queued'", strings.Join(names, ", "))
	}
	return fresh, validHashes(fresh)
}

func validHashes(of map[string]string) error {
	if sum, given := of["checksum"]; given && !isHex(sum) {
		return fault.Conflict("checksum (%s) is not a valid hexadecimal value", sum)
	} else if given && len(sum) != 32 {
		return fault.Conflict("checksum (%s) is not the correct size for md5 (should be 16 bytes)", sum)
	}
	value := of["os_hash_value"]
	switch {
	case of["os_hash_algo"] != hashAlgo:
		return fault.Conflict("os_hash_algo must be %s, not %s", hashAlgo, of["os_hash_algo"])
	case !isHex(value):
		return fault.Conflict("os_hash_value (%s) is not a valid hexadecimal value", value)
	case len(value) != 2*hashSizes[hashAlgo]:
		return fault.Conflict("os_hash_value (%s) is not the correct size for %s (should be %d bytes)", value, hashAlgo, hashSizes[hashAlgo])
	}
	return nil
}

func isHex(text string) bool {
	return len(text)%2 == 0 && strings.Trim(strings.ToLower(text), "0123456789abcdef") == ""
}

// position reads a place in a list of so many: a number, or "-" for the end.
func position(text string, n int, adding bool) (int, bool) {
	if text == "-" {
		if adding {
			return n, true
		}
		return n - 1, n > 0
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	pos, err := strconv.Atoi(text)
	return pos, err == nil && (adding || pos < n)
}

// dropped removes the bytes of what a change took away, unless they are the
// scrubber's.
func (s *Service) dropped(ctx context.Context, from, to []glance.Location) {
	if s.config.DelayedDelete {
		return
	}
	for _, l := range from {
		if slices.ContainsFunc(to, func(o glance.Location) bool { return o.ID == l.ID }) || !l.Own() {
			continue
		}
		if b := s.backend(l.Store); b != nil && b.Blobs != nil {
			if err := s.empty(ctx, *b, l.ImageID); err != nil {
				slog.WarnContext(ctx, "image bytes not deleted yet", "image", l.ImageID, "store", b.ID, "error", err)
			}
		}
	}
}

// HasStore refuses a store that is not enabled.
func (s *Service) HasStore(id string) error {
	if s.backend(id) == nil {
		return fault.Conflict("The selected store %s is not available on this node.", id)
	}
	return nil
}

// RemoveFrom takes an active image out of one of its stores; the last one
// keeps it.
func (s *Service) RemoveFrom(ctx context.Context, id, store string) error {
	if err := s.HasStore(store); err != nil {
		return err
	}
	var was []glance.Location
	img, err := s.store.UpdateImage(ctx, glance.Visible{All: true}, id, s.clock.Now(), func(img *glance.Image) error {
		was = slices.Clone(img.Locations)
		i := slices.IndexFunc(img.Locations, func(l glance.Location) bool { return l.Store == store })
		switch {
		case img.Status != glance.Active:
			return fault.Conflict("It's not allowed to remove image data from store if image status is not 'active'")
		case len(img.Locations) == 1:
			return fault.Forbidden("Cannot delete image data from the only store containing it. " +
				"Consider deleting the image instead.")
		case i < 0:
			return fault.NotFound("Image %s is not stored in store %s.", id, store)
		}
		if err := s.mayRemove(ctx, img.Locations[i]); err != nil {
			return err
		}
		s.takeAway(img, i)
		return nil
	})
	if err != nil {
		return missing(err, id)
	}
	s.dropped(ctx, was, img.Locations)
	return nil
}

// mayRemove refuses while the engine needs the bytes for something else.
func (s *Service) mayRemove(ctx context.Context, l glance.Location) error {
	b := s.backend(l.Store)
	if b == nil || !l.Own() {
		return nil
	}
	shared, ok := b.Blobs.(blob.Shared)
	if !ok {
		return nil
	}
	used, err := shared.InUse(ctx, l.ImageID)
	if err != nil {
		return fmt.Errorf("uses of image %s in %s: %w", l.ImageID, b.ID, err)
	}
	if used {
		return fault.Conflict("Image %s could not be deleted because it is in use: The image cannot be deleted because it is in use "+
			"through the backend store outside of Glance.", l.ImageID)
	}
	return nil
}

// wake makes a loop's next round sooner.
func (s *Service) wake(loop chan struct{}) {
	select {
	case loop <- struct{}{}:
	default:
	}
}

// beginCopy is store.BeginCopy that does not stop at what this process left
// when it died.
func (s *Service) beginCopy(ctx context.Context, up glance.Upload, to *Backend) (glance.Image, error) {
	img, err := s.store.BeginCopy(ctx, up, to.ID)
	if !errors.Is(err, db.ErrDuplicate) {
		return img, err
	}
	if err := s.healUploads(ctx); err != nil {
		return img, err
	}
	return s.store.BeginCopy(ctx, up, to.ID)
}
