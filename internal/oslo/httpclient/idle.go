package httpclient

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrIdle ends an answer of which nothing came for Config.IdleTimeout.
var ErrIdle = errors.New("the server has stopped sending")

// idleBody cancels its request when a read takes too long.
type idleBody struct {
	ctx    context.Context
	body   io.ReadCloser
	limit  time.Duration
	cancel context.CancelCauseFunc
}

func newIdleBody(ctx context.Context, body io.ReadCloser, limit time.Duration, cancel context.CancelCauseFunc) *idleBody {
	return &idleBody{ctx: ctx, body: body, limit: limit, cancel: cancel}
}

// Read implements io.Reader. The time between two reads is the reader's own.
func (b *idleBody) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.limit, func() { b.cancel(ErrIdle) })
	n, err := b.body.Read(p)
	timer.Stop()
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *idleBody) Close() error {
	err := b.body.Close()
	b.cancel(nil)
	return err
}
