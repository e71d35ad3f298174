// Package keymanager finds the certificates of those who sign images.
package keymanager

import (
	"context"
	"errors"
	"fmt"
)

// KeyManager is where certificates are kept.
type KeyManager interface {
	// Certificate is the one of that ID, as far as the caller in ctx may read
	// it; ErrNotFound if there is none, a Format if something else is there.
	Certificate(ctx context.Context, id string) (*Certificate, error)
}

// ErrNotFound is a certificate that is not there.
var ErrNotFound = errors.New("there is no such certificate")

// Format is what a key manager has that is no certificate, in the original's words.
type Format string

func (f Format) Error() string {
	return fmt.Sprintf("a certificate is wanted, not something in the format %s", string(f))
}

// None has no certificates.
type None struct{}

// Certificate implements KeyManager.
func (None) Certificate(context.Context, string) (*Certificate, error) { return nil, ErrNotFound }
