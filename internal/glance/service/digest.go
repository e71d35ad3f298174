package service

import (
	"context"
	"crypto"
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
	"nacre/internal/glance/signature"
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
	signed  hash.Hash // what a signature is of; nil: none, or of one of the above
	size    int64
}

func newDigest(out blob.Writer) *digest {
	return &digest{out: out, inspect: format.NewInspector(), md5: md5.New(), sha512: sha512.New()}
}

// sign has the digest hash what a signature is of; nil is none.
func (d *digest) sign(v *signature.Verifier) {
	if v != nil && v.Hash != crypto.SHA512 {
		d.signed = v.Hash.New()
	}
}

// signedHash is what the signature is of.
func (d *digest) signedHash() []byte {
	if d.signed != nil {
		return d.signed.Sum(nil)
	}
	return d.sha512.Sum(nil)
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
	if d.signed != nil {
		both.Go(func() { d.signed.Write(p) })
	}
	_, _ = d.inspect.Write(p)
	_, err := d.out.Write(p)
	both.Wait()
	return err
}
