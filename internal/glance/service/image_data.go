package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/format"
	"nacre/internal/glance/signature"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// lease is how long an upload is believed alive after its last renewal.
const lease = 30 * time.Second

// Data is what a client uploads.
type Data struct {
	Body     io.Reader
	Length   int64  // bytes that the transfer announces, or glance.None
	Expected *int64 // bytes that the client wants checked
	Store    string // ID of the store; "" is the default

	certificate *certificate // that was fetched beforehand; nil: none
}

// Upload gives a queued image its bytes. It returns when they are durable and
// the image is active; after an error the image is queued and has no bytes.
func (s *Service) Upload(ctx context.Context, id string, data Data) error {
	to, err := s.storeFor(data.Store)
	if err != nil {
		return err
	}
	q, err := s.quotaOf(ctx)
	if err != nil {
		return err
	}
	up := s.claim(id)
	s.enter(up)
	defer s.leave(up)
	limits := q.check(wanted{glance.ImageSizeTotal: max(data.Length, 0) / glance.MiB, glance.ImageCountUploading: 0})
	img, err := s.store.BeginUpload(ctx, up, s.clock.Now(), limits...)
	if err != nil {
		return uploadFault(err, id)
	}
	s.notify(ctx, "image.prepare", img)
	defer s.progress.end(id)
	data.Body = s.counted(id, to.ID, data.Body)
	if err := s.fillImage(ctx, up, &img, to, data); err != nil {
		return uploadFault(err, id)
	}
	slog.InfoContext(ctx, "image uploaded", "image", id, "store", to.ID, "bytes", img.Size)
	s.notify(ctx, "image.upload", img)
	s.notify(ctx, "image.activate", img)
	return nil
}

// AddData gives one store more the bytes of an image that is being imported or
// has bytes already, which the new ones must equal. The image's status stays.
// It returns when the bytes are durable and the image has their location; a
// store that has the image is success. After an error the store has nothing.
// It may be called again after a crash; a 409 says that somebody else writes
// bytes of the image just now.
func (s *Service) AddData(ctx context.Context, id string, data Data) error {
	to, err := s.storeFor(data.Store)
	if err != nil {
		return err
	}
	up := s.claim(id)
	s.enter(up)
	defer s.leave(up)
	img, err := s.beginCopy(ctx, up, to)
	if errors.Is(err, glance.ErrLocated) {
		return nil
	} else if err != nil {
		return uploadFault(err, id)
	}
	if err := s.fillImage(ctx, up, &img, to, data); err != nil {
		return uploadFault(err, id)
	}
	slog.InfoContext(ctx, "image bytes added", "image", id, "store", to.ID, "bytes", img.Size)
	return nil
}

// CopyTo is AddData with the bytes that the image has elsewhere.
func (s *Service) CopyTo(ctx context.Context, img glance.Image, store string) error {
	src, err := s.Open(ctx, img, nil, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	return s.AddData(ctx, img.ID, Data{Body: src, Length: img.Size, Store: store})
}

// fillImage takes the bytes and gives the image their location, or undoes everything.
func (s *Service) fillImage(ctx context.Context, up glance.Upload, img *glance.Image, to *Backend, data Data) error {
	kept, stop := s.keep(ctx, up)
	defer stop()
	committed := false
	err := s.receive(kept, up, img, to, data)
	if err == nil {
		committed = true
		err = s.finish(kept, up, img, to)
	}
	if err != nil {
		s.abandon(context.WithoutCancel(ctx), up, to, committed)
	}
	return err
}

// receive writes, hashes and inspects the bytes, and commits them if they are
// what they should be.
func (s *Service) receive(ctx context.Context, up glance.Upload, img *glance.Image, to *Backend, data Data) error {
	limit, err := s.room(ctx, img.Owner, data.Length)
	if err != nil {
		return err
	}
	signed, err := s.verifier(ctx, *img, data.certificate)
	if err != nil {
		return err
	}
	out, err := to.create(ctx, img.ID, up.ID, data.Length)
	if err != nil {
		return err
	}
	d := newDigest(out)
	d.sign(signed)
	err = d.copy(ctx, data.Body, limit)
	if errors.Is(err, errTooLong) {
		err = s.tooLarge(d.size, limit)
	}
	if err == nil && data.Expected != nil && *data.Expected != d.size {
		err = fault.BadRequest("Size mismatch: expected %d bytes, got %d bytes", *data.Expected, d.size)
	}
	if err == nil && signed != nil {
		err = signed.Verify(d.signedHash())
	}
	if err == nil {
		err = s.describe(ctx, img, d)
	}
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

// describe writes down what the bytes turned out to be.
func (s *Service) describe(ctx context.Context, img *glance.Image, d *digest) error {
	if img.HashValue != "" {
		return sameBytes(*img, d)
	}
	img.Size, img.VirtualSize = d.size, glance.None
	img.Checksum, img.HashAlgo, img.HashValue = d.checksum(), hashAlgo, d.hash()
	found := d.inspect.Result()
	size, err := fits(found, *img)
	var lie *format.Mismatch
	if errors.As(err, &lie) && lie.Unknown && !s.config.RequireImageFormatMatch {
		slog.WarnContext(ctx, "image format not recognised", "image", img.ID, "format", img.DiskFormat)
		return nil
	}
	if size > 0 {
		img.VirtualSize = size
	}
	return err
}

// sameBytes checks bytes of an image whose hash is known.
func sameBytes(img glance.Image, d *digest) error {
	if img.HashAlgo != hashAlgo || img.HashValue == d.hash() {
		return nil
	}
	return fmt.Errorf("image %s: %d bytes hash to %s, not to %s", img.ID, d.size, d.hash(), img.HashValue)
}

// fits checks what was found against both formats that the image declares.
func fits(found format.Result, img glance.Image) (size int64, err error) {
	switch img.ContainerFormat {
	case "bare", "aki", "ari", "ami":
		return found.Verify(img.DiskFormat)
	case "ova":
		return 0, found.VerifyArchive()
	}
	return 0, found.Safe() // the disk, if any, is inside of something else
}

// room is how many bytes an image of that owner may have, or why not length.
func (s *Service) room(ctx context.Context, owner string, length int64) (int64, error) {
	limit := s.config.ImageSizeCap
	if s.quota > 0 {
		used, err := s.store.Bytes(ctx, owner)
		if err != nil {
			return 0, fmt.Errorf("count the project's bytes: %w", err)
		}
		limit = min(limit, s.quota-used)
	}
	if length > limit || limit <= 0 {
		return 0, s.tooLarge(max(length, 0), limit)
	}
	return limit, nil
}

func (s *Service) tooLarge(size, limit int64) error {
	if limit >= s.config.ImageSizeCap {
		return fault.TooLarge("The incoming image is too large: The provided image is too large.")
	}
	return fault.TooLarge("Image exceeds the storage quota: The size of the data %d will exceed the limit. "+
		"%d bytes remaining.", size, max(limit, 0))
}

// finish records the location, unless its owner has used up the quota by
// another upload meanwhile.
func (s *Service) finish(ctx context.Context, up glance.Upload, img *glance.Image, to *Backend) (err error) {
	at := glance.Location{ID: up.ID, ImageID: img.ID, Store: to.ID, Status: glance.LocationActive,
		Metadata: map[string]any{"store": to.ID}}
	*img, err = s.store.FinishUpload(ctx, up, *img, at, s.clock.Now(), func(others int64) error {
		left := int64(math.MaxInt64)
		if s.quota > 0 {
			left = s.quota - others
		}
		if img.Size > left {
			return s.tooLarge(img.Size, left)
		}
		return nil
	})
	return err
}

// abandon leaves the image, and the store, as they were. What it cannot do, for
// the database or the store is away, the healing loop does.
func (s *Service) abandon(ctx context.Context, up glance.Upload, to *Backend, committed bool) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	var err error
	if committed {
		err = s.uncommit(ctx, up, to)
	}
	if err == nil {
		err = s.store.AbortUpload(ctx, up, s.clock.Now())
	}
	if err != nil {
		slog.WarnContext(ctx, "upload not undone yet", "image", up.ImageID, "error", err)
	}
}

// uncommit removes committed bytes that no image describes: while the upload
// is held nobody else's can be there, and a deleted image never gets others.
func (s *Service) uncommit(ctx context.Context, up glance.Upload, to *Backend) error {
	up.ExpiresAt = s.clock.Now().Add(lease)
	err := s.store.RenewUpload(ctx, up)
	if errors.Is(err, glance.ErrUploadLost) {
		known, kerr := s.store.Known(ctx, to.ID, []string{up.ImageID})
		if kerr != nil || known[up.ImageID].Status != glance.Deleted {
			return kerr
		}
	} else if err != nil {
		return err
	}
	return to.Blobs.Delete(ctx, up.ImageID)
}

// keep renews the upload until stop is called. The context ends with
// glance.ErrUploadLost when the image is not ours any more.
func (s *Service) keep(ctx context.Context, up glance.Upload) (kept context.Context, stop func()) {
	kept, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-kept.Done():
				return
			case <-tick.C:
			}
			if err := s.renew(kept, &up); err != nil {
				cancel(err)
				return
			}
		}
	}()
	return kept, func() { cancel(nil); <-done }
}

// renew tries once; it gives up only when the lease cannot be believed in any more.
func (s *Service) renew(ctx context.Context, up *glance.Upload) error {
	next := *up
	next.ExpiresAt = s.clock.Now().Add(lease)
	err := s.store.RenewUpload(ctx, next)
	switch {
	case err == nil:
		*up = next
		return nil
	case errors.Is(err, glance.ErrUploadLost) || s.clock.Now().After(up.ExpiresAt):
		return glance.ErrUploadLost
	}
	slog.WarnContext(ctx, "upload not renewed", "image", up.ImageID, "error", err)
	return nil
}

// enter and leave tell the healing loop what this process is busy with.
func (s *Service) enter(up glance.Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[up.ID] = true
}

func (s *Service) leave(up glance.Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, up.ID)
}

func (s *Service) busy(up glance.Upload) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[up.ID]
}

// uploadFault words what ended an upload.
func uploadFault(err error, id string) error {
	var lie *format.Mismatch
	var unsafe *format.Unsafe
	var source errSource
	var bad *signature.Error
	switch {
	case errors.Is(err, db.ErrDuplicate):
		return fault.Conflict("Image status transition from saving to saving is not allowed")
	case errors.Is(err, glance.ErrUploadLost):
		return fault.Gone("Image %s could not be found after upload. The image may have been deleted during the "+
			"upload, cleaning up the chunks uploaded.", id)
	case errors.Is(err, blob.ErrFull):
		return fault.TooLarge("Image storage media is full: There is not enough disk space on the image storage media.").Cause(err)
	case errors.Is(err, blob.ErrDenied):
		return fault.Unavailable("Insufficient permissions on image storage media: " +
			"Permission to write image storage media denied.").Cause(err)
	case errors.As(err, &lie):
		return unfit(lie.Reason)
	case errors.As(err, &unsafe):
		return unfit("Image failed safety checks").Cause(unsafe)
	case errors.As(err, &bad):
		return fault.BadRequest("Signature verification failed for image %s: %s", id, bad)
	case errors.As(err, &source):
		return fault.BadRequest("The image data ended before its end.").Cause(err)
	}
	return missing(err, id)
}

// unfit is the original's 415 of an image that is not what it should be.
func unfit(why string) *fault.Fault {
	f := fault.Unsupported("The request media type application/octet-stream is not supported by this server.\n")
	f.Detail = why
	return f
}

// ErrNoData is an image without bytes.
var ErrNoData = errors.New("the image has no data")

// Open reads the image's bytes from offset, from the first of its locations
// that answers; those in the preferred stores are asked first. ErrNoData if
// none does.
func (s *Service) Open(ctx context.Context, img glance.Image, prefer []string, offset int64) (io.ReadCloser, error) {
	if len(prefer) == 0 {
		if r := s.openCached(ctx, img, offset); r != nil {
			return r, nil
		}
	}
	return s.openStored(ctx, img, prefer, offset, func(l glance.Location) bool { return s.worthCaching(img, l) })
}

// openStored is Open without what is cached already. What is read from the
// beginning, and worth it, is kept in the cache.
func (s *Service) openStored(ctx context.Context, img glance.Image, prefer []string, offset int64,
	worth func(glance.Location) bool) (io.ReadCloser, error) {
	for _, l := range s.inOrder(img.Locations, prefer) {
		r, err := s.openAt(ctx, img, l, offset)
		if err == nil {
			if offset == 0 && worth(l) {
				if into := s.beginCaching(ctx, img); into != nil {
					return &cachingReader{r, into}, nil
				}
			}
			return r, nil
		}
		slog.ErrorContext(ctx, "image bytes not read", "image", img.ID, "store", l.Store, "error", err)
	}
	return nil, ErrNoData
}

// inOrder puts the locations in preferred stores first, as they are preferred,
// and the others behind them by the weight of their stores.
func (s *Service) inOrder(locations []glance.Location, prefer []string) []glance.Location {
	rank := func(l glance.Location) (int, int) {
		weight := 0
		if b := s.backend(l.Store); b != nil {
			weight = b.Weight
		}
		if i := slices.Index(prefer, l.Store); i >= 0 {
			return i, weight
		}
		return len(prefer), weight
	}
	out := slices.Clone(locations)
	slices.SortStableFunc(out, func(a, b glance.Location) int {
		preferA, weightA := rank(a)
		preferB, weightB := rank(b)
		return cmp.Or(preferA-preferB, weightB-weightA)
	})
	return out
}

// FirstLocation is where an image is read from.
func (s *Service) FirstLocation(img glance.Image) (glance.Location, bool) {
	if !img.HasData() {
		return glance.Location{}, false
	}
	return s.inOrder(img.Locations, nil)[0], true
}

func (s *Service) openAt(ctx context.Context, img glance.Image, l glance.Location, offset int64) (io.ReadCloser, error) {
	b := s.backend(l.Store)
	switch {
	case b == nil:
		return nil, fmt.Errorf("no store %q", l.Store)
	case l.Own() && b.Blobs != nil:
		return b.Blobs.Open(ctx, img.ID, offset)
	case !l.Own() && b.Remote != nil:
		return b.Remote.Open(ctx, l.URL, offset)
	}
	return nil, fmt.Errorf("the store %q does not read %q", l.Store, l.URL)
}

// removeBytes removes what is the store's own. What it cannot remove now, the
// tidying loop does.
func (s *Service) removeBytes(ctx context.Context, l glance.Location) {
	b := s.backend(l.Store)
	if b == nil || b.Blobs == nil || !l.Own() {
		return
	}
	if err := b.Blobs.Delete(ctx, l.ImageID); err != nil {
		slog.WarnContext(ctx, "image bytes not deleted yet", "image", l.ImageID, "store", b.ID, "error", err)
	}
}
