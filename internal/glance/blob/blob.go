// Package blob keeps the bytes of images. A store is an engine that does; its
// contract, which blobtest checks, is that an object is there whole or not at
// all, whatever happens to the process that writes it.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"nacre/internal/oslo/uuid"
)

var (
	ErrNotFound = errors.New("no such object")
	ErrExists   = errors.New("the object exists")
	ErrFull     = errors.New("no space left")          // or a quota of the file system
	ErrDenied   = errors.New("no permission to write") // or read-only
	ErrInUse    = errors.New("the object is in use")   // something was cloned from it
)

// Unknown is a size that nobody told.
const Unknown int64 = -1

// Store keeps one object per image. Any method may be called again after a crash.
type Store interface {
	// Create begins the object of an image. Nothing of it can be read before
	// Commit; what a writer leaves when its process dies is listed by Objects
	// under the upload's ID. size is how many bytes are announced, or Unknown;
	// other numbers may come. ErrFull if that many do not fit.
	Create(ctx context.Context, image, upload string, size int64) (Writer, error)

	// Open reads an object from offset, in bytes, to its end. ErrNotFound if
	// there is none. A reader of an object that is deleted meanwhile gets the
	// rest of it or an error, never other bytes.
	Open(ctx context.Context, image string, offset int64) (io.ReadCloser, error)

	// Size is how many bytes an object has. ErrNotFound if there is none.
	Size(ctx context.Context, image string) (int64, error)

	// Delete removes an object; an absent one is success. ErrInUse if the
	// engine needs it for something else.
	Delete(ctx context.Context, image string) error

	// Discard removes what an upload wrote without Commit; nothing is success.
	Discard(ctx context.Context, image, upload string) error

	// Objects calls each with everything the store has, until it returns an error.
	Objects(ctx context.Context, each func(Object) error) error

	// URL is where the object of an image is or would be, as those who read the
	// engine themselves name it. It has no secret in it.
	URL(image string) string

	// Info describes the store to operators.
	Info() Info
}

// Shared is a store whose engine may need an object for something else: what
// was cloned from it. Delete of such an object is ErrInUse.
type Shared interface {
	InUse(ctx context.Context, image string) (bool, error)
}

// Remote reads what others keep, by its URL. It is idempotent by nature.
type Remote interface {
	// Open reads from offset to the end. ErrNotFound if there is nothing.
	Open(ctx context.Context, url string, offset int64) (io.ReadCloser, error)

	// Size is how many bytes there are, or Unknown.
	Size(ctx context.Context, url string) (int64, error)

	// Schemes are what its URLs begin with: "http".
	Schemes() []string

	Info() Info
}

// Writer takes the bytes of one object. It belongs to one goroutine. Exactly
// one of Commit and Abort ends it.
type Writer interface {
	io.Writer // ErrFull, ErrDenied

	// Commit makes the object durable and readable, all at once. ErrExists if
	// the image has an object. After an error nothing is left.
	Commit() error

	// Abort removes what was written.
	Abort() error
}

// Object is one thing in a store.
type Object struct {
	Image    string
	Upload   string // "" for an object that is whole
	Size     int64  // bytes
	Modified time.Time
}

// Info describes a store.
type Info struct {
	Type       string         // "file"
	Properties map[string]any // what GET /v2/info/stores/detail tells
}

// Valid refuses an image's or an upload's ID that is none: it could be a path,
// a pattern or an option to the engine.
func Valid(ids ...string) error {
	for _, id := range ids {
		if !uuid.Valid(id) {
			return fmt.Errorf("image store: %q is no ID", id)
		}
	}
	return nil
}

// Split reads the name of a piece, "image.upload", or of an object, "image".
func Split(name string) (image, upload string, ok bool) {
	image, upload, piece := strings.Cut(name, ".")
	return image, upload, uuid.Valid(image) && (!piece || uuid.Valid(upload))
}
