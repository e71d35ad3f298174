package service

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// hashAlgo is what images are hashed by, beside their checksum.
const hashAlgo = "sha512"

// hashes are those that a client may expect of a location's bytes.
var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// hashSizes are the bytes of each.
var hashSizes = map[string]int{"md5": md5.Size, "sha1": sha1.Size, "sha256": sha256.Size, "sha512": sha512.Size}

// hashImages hashes the images whose bytes came by a location.
func (s *Service) hashImages(ctx context.Context) error {
	all, err := s.store.Hashings(ctx)
	if err != nil {
		return fmt.Errorf("list hashings: %w", err)
	}
	var errs []error
	for _, h := range all {
		errs = append(errs, s.hashImage(ctx, h))
	}
	return errors.Join(errs...)
}

func (s *Service) hashImage(ctx context.Context, h glance.Hashing) error {
	up := s.claim(h.ImageID)
	s.enter(up)
	defer s.leave(up)
	img, err := s.store.BeginHash(ctx, up)
	if errors.Is(err, glance.ErrUploadLost) || errors.Is(err, db.ErrNoRow) {
		return nil // somebody else does it, or the image is gone
	} else if err != nil {
		return err
	}
	kept, stop := s.keep(ctx, up)
	defer stop()
	checksum, value, err := s.hashesOf(kept, img, h.HashAlgo)
	if err != nil && h.Tries < s.config.HTTPRetries && kept.Err() == nil {
		slog.WarnContext(ctx, "image not hashed", "image", img.ID, "error", err)
		return s.store.RetryHash(ctx, up)
	}
	img, ferr := s.store.FinishHash(kept, up, s.clock.Now(), func(img *glance.Image) error {
		fits := err == nil && (h.HashValue == "" || h.HashValue == value)
		switch {
		case fits:
			img.Checksum, img.HashAlgo, img.HashValue = checksum, h.HashAlgo, value
			if img.Status == glance.Importing {
				img.Status = glance.Active
			}
		case img.Status == glance.Importing:
			img.Status, img.Size, img.Locations = glance.Queued, glance.None, nil
		}
		return nil
	})
	switch {
	case errors.Is(ferr, glance.ErrUploadLost) || errors.Is(ferr, db.ErrNoRow):
		return nil
	case ferr != nil:
		return ferr
	case img.HashValue != value || err != nil:
		slog.WarnContext(ctx, "image has other bytes than expected, or none", "image", img.ID, "hash", value, "error", err)
	}
	s.notify(ctx, "image.update", img)
	return nil
}

// hashesOf reads an image to its end.
func (s *Service) hashesOf(ctx context.Context, img glance.Image, algo string) (checksum, value string, err error) {
	r, err := s.Open(ctx, img, nil, 0)
	if err != nil {
		return "", "", err
	}
	defer r.Close()
	sum, h := md5.New(), hashes[algo]()
	n, err := io.CopyBuffer(io.MultiWriter(sum, h), r, make([]byte, pieceSize))
	if err == nil && n != img.Size {
		err = fmt.Errorf("%d bytes came of %d", n, img.Size)
	}
	return hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(h.Sum(nil)), err
}
