package swift

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ncw/swift/v2"

	"nacre/internal/glance/blob"
)

// maxSegments is how many Swift takes into one manifest by default.
const maxSegments = 1000

// segment is a line of a manifest.
type segment struct {
	Path string `json:"path"`
	Etag string `json:"etag"`
	Size int64  `json:"size_bytes"`
}

// writer streams one segment at a time; it holds no more than Write is given.
type writer struct {
	s             *Store
	ctx           context.Context // of the upload
	image, upload string
	size          int64 // of segments from here on
	done          []segment

	pipe *io.PipeWriter // of the segment on its way, or nil
	left int64          // what it still takes
	sent chan error
	last segment
}

// Create implements blob.Store.
func (s *Store) Create(ctx context.Context, image, upload string, size int64) (blob.Writer, error) {
	if err := blob.Valid(image, upload); err != nil {
		return nil, err
	}
	err := s.renew(ctx)
	if errors.Is(err, swift.ContainerNotFound) && s.CreateContainer {
		err = s.conn.ContainerCreate(ctx, s.Container, nil)
	}
	if err != nil {
		return nil, kindOf(err)
	}
	w := &writer{s: s, ctx: ctx, image: image, upload: upload}
	w.size = max(s.ChunkSize<<20, size/(maxSegments-1)+1)
	if err := s.conn.ObjectPutString(ctx, s.Container, w.name(0), "", "application/octet-stream"); err != nil {
		return nil, kindOf(err)
	}
	return w, nil
}

// renew replaces a token that is no good any more, before bytes are sent, which
// cannot be sent twice: Swift ends the connection on which it refuses some.
func (s *Store) renew(ctx context.Context) error {
	_, _, err := s.conn.Container(ctx, s.Container)
	return err
}

// name is that of a segment. The one with number 0 is empty: it tells that the
// upload has not been given up.
func (w *writer) name(number int) string {
	return fmt.Sprintf("%s.%s-%05d", w.image, w.upload, number)
}

// next begins a segment.
func (w *writer) next() error {
	if err := w.s.renew(w.ctx); err != nil {
		return kindOf(err)
	}
	body, pipe := io.Pipe()
	name := w.name(len(w.done) + 1)
	w.pipe, w.left, w.sent = pipe, w.size, make(chan error, 1)
	w.last = segment{Path: "/" + w.s.Container + "/" + name}
	go func() {
		h, err := w.s.conn.ObjectPut(w.ctx, w.s.Container, name, body, true, "", "application/octet-stream", nil)
		w.last.Etag = strings.Trim(h["Etag"], `"`)
		body.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		w.sent <- kindOf(err)
	}()
	return nil
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if w.pipe == nil {
			if err := w.next(); err != nil {
				return n, err
			}
		}
		m, err := w.pipe.Write(p[n : n+int(min(int64(len(p)-n), w.left))])
		n += m
		w.left -= int64(m)
		w.last.Size += int64(m)
		if err == nil && w.left == 0 {
			err = w.end()
		} else if err != nil {
			err = errors.Join(w.stop(err), err)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// end waits until the segment has arrived.
func (w *writer) end() error {
	if w.pipe == nil {
		return nil
	}
	err := w.stop(nil)
	if err != nil {
		return err
	}
	if w.done = append(w.done, w.last); len(w.done)%(maxSegments/4) == 0 {
		w.size = min(w.size*2, 5<<30) // of an upload whose size nobody told
	}
	return nil
}

// stop ends the segment, whole if err is nil.
func (w *writer) stop(err error) error {
	if w.pipe == nil {
		return nil
	}
	w.pipe.CloseWithError(err)
	w.pipe = nil
	return <-w.sent
}

// Commit implements blob.Writer.
func (w *writer) Commit() error {
	err := w.end()
	if err == nil {
		err = context.Cause(w.ctx)
	}
	if err == nil {
		err = w.manifest()
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

// manifest makes the object, unless there is one or the upload was given up.
func (w *writer) manifest() error {
	if _, _, err := w.s.conn.Object(w.ctx, w.s.Container, w.name(0)); err != nil {
		return kindOf(err)
	}
	o := swift.RequestOpts{Container: w.s.Container, ObjectName: w.image, Operation: "PUT", NoResponse: true,
		Headers: swift.Headers{"Content-Type": contentType(w.upload), "If-None-Match": "*"}, Body: strings.NewReader("")}
	if len(w.done) > 0 {
		text, err := json.Marshal(w.done)
		if err != nil {
			return err
		}
		o.Body, o.Parameters = bytes.NewReader(text), url.Values{"multipart-manifest": {"put"}}
	}
	base, err := w.s.conn.GetStorageUrl(w.ctx)
	if err == nil {
		o.OnReAuth = func() (string, error) { return w.s.conn.StorageUrl, nil }
		_, _, err = w.s.conn.Call(w.ctx, base, o)
	}
	return kindOf(err)
}

// errAborted ends a segment whose bytes nobody wants any more.
var errAborted = errors.New("the upload was given up")

// Abort implements blob.Writer.
func (w *writer) Abort() error {
	_ = w.stop(errAborted)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 30*time.Second)
	defer cancel()
	return w.s.Discard(ctx, w.image, w.upload)
}
