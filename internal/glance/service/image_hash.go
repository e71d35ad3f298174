package service

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"nacre/internal/glance"
)

// hashAlgo is what images are hashed by, beside their checksum.
const hashAlgo = "sha512"

// hashes are those that a client may expect of a location's bytes.
var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// hashSizes are the bytes of each.
var hashSizes = map[string]int{"md5": md5.Size, "sha1": sha1.Size, "sha256": sha256.Size, "sha512": sha512.Size}

// hashesOf reads an image to its end; ErrNoData if not even its beginning can be.
func (s *Service) hashesOf(ctx context.Context, img glance.Image, algo string) (checksum, value string, err error) {
	src, err := s.Open(ctx, img, nil, 0)
	if err != nil {
		return "", "", err
	}
	defer src.Close()
	r := readFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil { // which files do not look at
			return 0, context.Cause(ctx)
		}
		return src.Read(p)
	})
	sum, h := md5.New(), hashes[algo]()
	n, err := io.CopyBuffer(io.MultiWriter(sum, h), r, make([]byte, pieceSize))
	if err == nil && n != img.Size {
		err = fmt.Errorf("%d bytes came of %d", n, img.Size)
	}
	return hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(h.Sum(nil)), err
}
