package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"nacre/internal/glance/blob"
)

// What S3 allows: parts of one object.
const maxParts = 10000

// writer fills one part while others are on their way.
type writer struct {
	s                 *Store
	ctx               context.Context // of the upload
	image, upload, id string
	part              []byte // being filled
	size              int64  // of parts from here on
	sent              int    // parts
	free              chan struct{}
	sending           sync.WaitGroup

	mu    sync.Mutex
	err   error // the first
	parts []minio.CompletePart
}

// newWriter chooses parts so large that size bytes are not too many of them.
func (s *Store) newWriter(ctx context.Context, image, upload, id string, size int64) *writer {
	w := &writer{s: s, ctx: ctx, image: image, upload: upload, id: id, free: make(chan struct{}, s.ThreadPools)}
	w.size = max(s.ChunkSize<<20, size/(maxParts-1)+1)
	return w
}

// grow is after how many parts of an upload whose size nobody told they double.
const grow = maxParts / 10

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if w.part == nil {
			w.part = buffer(w.size)
		}
		m := min(len(p)-n, int(w.size)-len(w.part))
		w.part = append(w.part, p[n:n+m]...)
		n += m
		if len(w.part) == int(w.size) {
			if err := w.send(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// send puts the part on its way as soon as one of those before it has arrived.
func (w *writer) send() error {
	select {
	case w.free <- struct{}{}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	if err := w.failed(); err != nil {
		<-w.free
		return err
	}
	part := w.part
	w.part = nil
	w.sent++
	number := w.sent
	if w.sent%grow == 0 {
		w.size *= 2
	}
	w.sending.Go(func() {
		defer func() { <-w.free }()
		o, err := w.s.core.PutObjectPart(w.ctx, w.s.Bucket, w.image, w.id, number, bytes.NewReader(part), int64(len(part)),
			minio.PutObjectPartOptions{Sha256Hex: w.s.signed(part), DisableContentSha256: true})
		release(part)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			w.err = cmp.Or(w.err, kindOf(err))
			return
		}
		w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: o.ETag})
	})
	return nil
}

func (w *writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Commit implements blob.Writer. Whoever ended the upload meanwhile has ended
// it for S3 as well, which then completes nothing.
func (w *writer) Commit() error {
	err := w.finish()
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	_ = w.s.remove(context.WithoutCancel(w.ctx), marker(w.image, w.upload)) // what stays is discarded as a dead upload's
	return nil
}

func (w *writer) finish() error {
	if len(w.part) > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	w.sending.Wait()
	if err := errors.Join(w.failed(), context.Cause(w.ctx)); err != nil {
		return err
	}
	if _, err := w.s.Size(w.ctx, w.image); err == nil {
		return blob.ErrExists
	} else if !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	if w.sent == 0 { // S3 completes no upload without parts
		return errors.Join(kindOf(w.s.put(w.ctx, w.image, "")), w.s.core.AbortMultipartUpload(w.ctx, w.s.Bucket, w.image, w.id))
	}
	slices.SortFunc(w.parts, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	_, err := w.s.core.CompleteMultipartUpload(w.ctx, w.s.Bucket, w.image, w.id, w.parts, minio.PutObjectOptions{})
	return kindOf(err)
}

// Abort implements blob.Writer.
func (w *writer) Abort() error {
	release(w.part)
	w.part = nil
	w.sending.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 30*time.Second)
	defer cancel()
	return w.s.forget(ctx, w.image, w.upload, w.id)
}

// buffers are parts that are used again: they are large.
var buffers sync.Pool

func buffer(size int64) []byte {
	if b, _ := buffers.Get().(*[]byte); b != nil && int64(cap(*b)) >= size {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

func release(b []byte) {
	if b != nil {
		buffers.Put(&b)
	}
}
