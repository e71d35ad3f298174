package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Cache keeps bytes of remote stores near this host. The bytes of an image
// never change, so what is whole is good for as long as the image is there.
type Cache struct {
	Files *blob.File
	Node  string // this host's name in lists
}

// cacheFor is the cache, or why there is none.
func (s *Service) cacheFor() (*Cache, error) {
	if s.cache == nil {
		return nil, fault.NotFound("Caching via API is not supported at this site.")
	}
	return s.cache, nil
}

// openCached reads an image from the cache; nil if it is not there.
func (s *Service) openCached(ctx context.Context, img glance.Image, offset int64) io.ReadCloser {
	if s.cache == nil {
		return nil
	}
	r, err := s.cache.Files.Open(ctx, img.ID, offset)
	if err != nil {
		return nil
	}
	if hit, err := s.store.HitCached(ctx, s.cache.Node, img.ID, s.clock.Now()); !hit || err != nil {
		r.Close() // not recorded yet, or not any more
		return nil
	}
	return r
}

// worthCaching reports whether a download from there should stay here: not of
// what is a file of this host anyway, nor of an image whose bytes may yet turn
// out to be others than was said.
func (s *Service) worthCaching(img glance.Image, l glance.Location) bool {
	settled := img.Status == glance.Active || img.Status == glance.Deactivated
	if s.cache == nil || !settled || img.Size <= 0 || img.Size > s.config.ImageCacheMaxSize {
		return false
	}
	b := s.backend(l.Store)
	_, near := b.Blobs.(*blob.File)
	return !near
}

// cachingReader keeps what its reader reads. It is whole at the end, or nothing.
type cachingReader struct {
	io.ReadCloser
	into *caching
}

func (r *cachingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.into != nil {
		r.into.take(p[:n])
		if err == io.EOF || err == nil && r.into.d.size == r.into.img.Size { // who knows the size reads no further
			r.into.end()
			r.into = nil
		}
	}
	return n, err
}

func (r *cachingReader) Close() error {
	if r.into != nil {
		r.into.drop()
	}
	return r.ReadCloser.Close()
}

// caching is an image on its way into the cache.
type caching struct {
	s    *Service
	ctx  context.Context
	img  glance.Image
	out  blob.Writer // nil once it has failed
	d    *digest
	done func()
}

// beginCaching is nil if the image is on its way already, or there is no room.
func (s *Service) beginCaching(ctx context.Context, img glance.Image) *caching {
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	busy := s.live["cache "+img.ID]
	s.live["cache "+img.ID] = true
	s.mu.Unlock()
	if busy {
		return nil
	}
	done := func() { s.mu.Lock(); defer s.mu.Unlock(); delete(s.live, "cache "+img.ID) }
	out, err := s.cache.Files.Create(ctx, img.ID, uuid.New(), img.Size)
	if err != nil {
		slog.WarnContext(ctx, "image not cached", "image", img.ID, "error", err)
		done()
		return nil
	}
	return &caching{s: s, ctx: ctx, img: img, out: out, d: newDigest(out), done: done}
}

func (c *caching) take(p []byte) {
	if c.out == nil {
		return
	}
	c.d.size += int64(len(p))
	if err := c.d.take(p); err != nil {
		c.fail(err)
	}
}

func (c *caching) fail(err error) {
	slog.WarnContext(c.ctx, "image not cached", "image", c.img.ID, "error", err)
	_ = c.out.Abort()
	c.out = nil
}

func (c *caching) drop() {
	if c.out != nil {
		_ = c.out.Abort()
	}
	c.done()
}

// end commits what is what it should be.
func (c *caching) end() {
	defer c.done()
	if c.out == nil {
		return
	}
	if err := sameBytes(c.img, c.d); err != nil || c.d.size != c.img.Size {
		c.fail(errors.Join(err, fmt.Errorf("%d bytes came of %d", c.d.size, c.img.Size)))
		return
	}
	err := c.out.Commit()
	if err == nil || errors.Is(err, blob.ErrExists) {
		now := c.s.clock.Now()
		err = c.s.store.InsertCached(c.ctx, glance.Cached{Node: c.s.cache.Node, ImageID: c.img.ID, Size: c.img.Size, LastAccessed: now, LastModified: now})
	}
	if err != nil {
		slog.WarnContext(c.ctx, "image not cached", "image", c.img.ID, "error", err)
	}
}

// CacheState is what this host has and what it is to fetch.
func (s *Service) CacheState(ctx context.Context) (have []glance.Cached, queued []glance.CacheRequest, err error) {
	c, err := s.cacheFor()
	if err != nil {
		return nil, nil, err
	}
	if have, err = s.store.Cached(ctx, c.Node); err == nil {
		queued, err = s.store.Queued(ctx, c.Node)
	}
	return have, queued, err
}

// CachedNodes lists the hosts that have an image.
func (s *Service) CachedNodes(ctx context.Context, id string) ([]string, error) {
	if _, err := s.cacheFor(); err != nil {
		return nil, err
	}
	if _, err := s.cacheable(ctx, id); err != nil {
		return nil, err
	}
	rows, err := s.store.CachedOn(ctx, id)
	nodes := make([]string, len(rows))
	for i, r := range rows {
		nodes[i] = r.Node
	}
	return nodes, err
}

func (s *Service) cacheable(ctx context.Context, id string) (glance.Image, error) {
	img, err := s.store.Image(ctx, glance.Visible{All: true}, id)
	if errors.Is(err, db.ErrNoRow) {
		return img, fault.NotFound("Image %s not found.", id)
	}
	return img, err
}

// QueueImage has this host fetch an image.
func (s *Service) QueueImage(ctx context.Context, id string) error {
	img, err := s.cacheable(ctx, id)
	if err != nil {
		return err
	}
	c, err := s.cacheFor()
	if err != nil {
		return err
	}
	if img.Status != glance.Active {
		return fault.BadRequest("Only images with status active can be targeted for queueing")
	}
	have, err := s.store.Cached(ctx, c.Node)
	if err != nil || slices.ContainsFunc(have, func(o glance.Cached) bool { return o.ImageID == id }) {
		return err
	}
	err = s.store.Queue(ctx, glance.CacheRequest{Node: c.Node, ImageID: id, QueuedAt: s.clock.Now()})
	s.wake(s.cacheWanted)
	return err
}

// Uncache removes an image from cache and queue; 404 if nobody knows it.
func (s *Service) Uncache(ctx context.Context, id string) error {
	_, unknown := s.cacheable(ctx, id)
	if unknown != nil && !fault.Is(unknown, 404) {
		return unknown
	}
	c, err := s.cacheFor()
	if err != nil {
		return errors.Join(unknown, err)
	}
	queued, err := s.store.Unqueue(ctx, c.Node, id)
	if err != nil {
		return err
	}
	had, err := s.evict(ctx, id)
	if err == nil && !had && !queued {
		return unknown
	}
	return err
}

// evict forgets an image before it removes its file.
func (s *Service) evict(ctx context.Context, id string) (had bool, err error) {
	had, err = s.store.DeleteCached(ctx, s.cache.Node, id)
	if err == nil {
		err = s.cache.Files.Delete(ctx, id)
	}
	return had, err
}

// ClearCache empties the cache, the queue, or both.
func (s *Service) ClearCache(ctx context.Context, cache, queue bool) error {
	have, queued, err := s.CacheState(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range have {
		if cache {
			_, err := s.evict(ctx, c.ImageID)
			errs = append(errs, err)
		}
	}
	for _, r := range queued {
		if queue {
			_, err := s.store.Unqueue(ctx, r.Node, r.ImageID)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// PruneCache removes what was not used for the longest time until the rest fits.
func (s *Service) PruneCache(ctx context.Context) (files int, bytes int64, err error) {
	have, _, err := s.CacheState(ctx)
	if err != nil {
		return 0, 0, err
	}
	total := int64(0)
	for _, c := range have {
		total += c.Size
	}
	for _, c := range have {
		if total <= s.config.ImageCacheMaxSize {
			break
		}
		if _, err := s.evict(ctx, c.ImageID); err != nil {
			return files, bytes, err
		}
		total, files, bytes = total-c.Size, files+1, bytes+c.Size
	}
	return files, bytes, nil
}

// CleanCache removes what dead downloads left, files that are not recorded,
// and images that are no more.
func (s *Service) CleanCache(ctx context.Context) error {
	have, queued, err := s.CacheState(ctx)
	if err != nil {
		return err
	}
	recorded, ids := map[string]bool{}, []string{}
	for _, c := range have {
		recorded[c.ImageID], ids = true, append(ids, c.ImageID)
	}
	for _, r := range queued {
		ids = append(ids, r.ImageID)
	}
	known, err := s.store.Known(ctx, "", ids)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if k, ok := known[id]; !ok || k.Status == glance.Deleted || k.Status == glance.PendingDelete {
			_, err := s.store.Unqueue(ctx, s.cache.Node, id)
			_, err2 := s.evict(ctx, id)
			errs = append(errs, err, err2)
		}
	}
	files := map[string]bool{}
	errs = append(errs, s.cache.Files.Objects(ctx, func(o blob.Object) error {
		files[o.Image] = files[o.Image] || o.Upload == ""
		s.mu.Lock()
		busy := s.live["cache "+o.Image]
		s.mu.Unlock()
		stalled := s.clock.Now().Sub(o.Modified) > time.Duration(s.config.ImageCacheStallTime)*time.Second
		switch {
		case busy || o.Upload == "" && recorded[o.Image] || !stalled:
			return nil
		case o.Upload != "":
			return s.cache.Files.Discard(ctx, o.Image, o.Upload)
		}
		return s.cache.Files.Delete(ctx, o.Image)
	}))
	for _, c := range have {
		if !files[c.ImageID] {
			_, err := s.store.DeleteCached(ctx, c.Node, c.ImageID)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// tendCache fetches what was queued and keeps the cache clean and small.
func (s *Service) tendCache(ctx context.Context) error {
	err := errors.Join(s.PrefetchQueued(ctx), s.CleanCache(ctx))
	_, _, perr := s.PruneCache(ctx)
	return errors.Join(err, perr)
}

// PrefetchQueued fetches what was queued.
func (s *Service) PrefetchQueued(ctx context.Context) error {
	_, queued, err := s.CacheState(ctx)
	errs := []error{err}
	for _, r := range queued {
		errs = append(errs, s.prefetch(ctx, r))
	}
	return errors.Join(errs...)
}

// prefetch reads an image to its end through the cache. An image that cannot
// be read stays queued; one that is no more does not.
func (s *Service) prefetch(ctx context.Context, r glance.CacheRequest) error {
	img, err := s.cacheable(ctx, r.ImageID)
	if err == nil && img.Status != glance.Active || fault.Is(err, 404) {
		_, err := s.store.Unqueue(ctx, r.Node, r.ImageID)
		return err
	} else if err != nil {
		return err
	}
	src, err := s.openStored(ctx, img, nil, 0, func(glance.Location) bool { return true })
	if err != nil {
		return fmt.Errorf("prefetch image %s: %w", img.ID, err)
	}
	defer src.Close()
	_, err = io.CopyBuffer(io.Discard, src, make([]byte, pieceSize))
	return err
}
