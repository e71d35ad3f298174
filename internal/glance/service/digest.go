package service

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/format"
)

// pieceSize is how many bytes of an upload are read, hashed and written at a
// time. An upload holds two pieces.
const pieceSize = 512 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// errTooLong ends an upload that exceeds its limit.
var errTooLong = errors.New("more bytes than allowed")

// errSource is what went wrong with the client rather than with us.
type errSource struct{ error }

// digest takes the bytes of an upload once and feeds them to all who need them.
type digest struct {
	out     blob.Writer
	inspect *format.Inspector
	md5     hash.Hash
	sha512  hash.Hash
	size    int64
}

func newDigest(out blob.Writer) *digest {
	return &digest{out: out, inspect: format.NewInspector(), md5: md5.New(), sha512: sha512.New()}
}

func (d *digest) checksum() string { return hex.EncodeToString(d.md5.Sum(nil)) }
func (d *digest) hash() string     { return hex.EncodeToString(d.sha512.Sum(nil)) }

// copy takes src to its end, at most limit bytes. While one piece is hashed
// and written, the next is read.
func (d *digest) copy(ctx context.Context, src io.Reader, limit int64) error {
	a, b := pieces.Get().(*[pieceSize]byte), pieces.Get().(*[pieceSize]byte)
	busy := make(chan error, 1)
	busy <- nil
	defer func() {
		<-busy
		pieces.Put(a)
		pieces.Put(b)
	}()
	for {
		n, end := fill(src, a[:])
		if err := errors.Join(<-busy, context.Cause(ctx)); err != nil {
			busy <- nil
			return err
		}
		if d.size += int64(n); d.size > limit {
			busy <- nil
			return errTooLong
		}
		piece := a[:n]
		go func() { busy <- d.take(piece) }()
		a, b = b, a
		switch {
		case end == io.EOF:
			err := <-busy
			busy <- nil
			return err
		case end != nil:
			return errSource{fmt.Errorf("read upload: %w", end)}
		}
	}
}

// fill reads until p is full or the source ends, with whatever error ends it.
func fill(src io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = src.Read(p[n:])
		n += m
	}
	return n, err
}

// take hashes and writes one piece.
func (d *digest) take(p []byte) error {
	var both sync.WaitGroup
	both.Go(func() { d.md5.Write(p) })
	both.Go(func() { d.sha512.Write(p) })
	_, _ = d.inspect.Write(p)
	_, err := d.out.Write(p)
	both.Wait()
	return err
}
