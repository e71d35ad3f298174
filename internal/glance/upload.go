package glance

import (
	"errors"
	"time"
)

// ErrUploadLost is an upload that is not the image's any more: the image was
// deleted, or the upload was given up as dead.
var ErrUploadLost = errors.New("the upload does not own the image any more")

// Upload is the right to give an image its bytes. An image has at most one.
// Its holder renews it while bytes come; who finds it expired takes it over,
// removes what was written and makes the image queued again.
type Upload struct {
	ImageID   string    `bun:"image_id,pk"`
	ID        string    `bun:"id"`
	Worker    string    `bun:"worker"` // the process that holds it, by a name that survives its restart
	ExpiresAt time.Time `bun:"expires_at"`
}
