package glance

import (
	"errors"
	"time"
)

// ErrUploadLost is an upload that is not the image's any more: the image was
// deleted, or the upload was given up as dead.
var ErrUploadLost = errors.New("the upload does not own the image any more")

// ErrLocated is an image whose bytes the store has.
var ErrLocated = errors.New("the store has the image")

// Upload is the right to write bytes of an image. An image has at most one.
// Its holder renews it while bytes come; who finds it expired takes it over,
// removes what was written and makes a saving image queued again.
type Upload struct {
	ImageID   string    `bun:"image_id,pk"`
	ID        string    `bun:"id"`
	Worker    string    `bun:"worker"` // the process that holds it, by a name that survives its restart
	ExpiresAt time.Time `bun:"expires_at"`
	Staging   bool      `bun:"staging"` // the bytes go to the staging area
}
