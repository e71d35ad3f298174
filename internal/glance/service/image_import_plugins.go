package service

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// maxPlugins is how many plugins there are that do something.
const maxPlugins = 3

// importPlugins change an image between its arrival and its stores. A plugin
// reads the part of the staging area that has the bytes and writes the n-th, or
// does nothing.
var importPlugins = map[string]func(s *Service, ctx context.Context, st *imageImport, n int) error{
	"no_op":                 nil,
	"image_decompression":   (*Service).decompress,
	"inject_image_metadata": (*Service).inject,
	"image_conversion":      (*Service).convert,
}

// checkPlugins reports every mistake in a list of plugins.
func checkPlugins(names []string) (err error) {
	seen := map[string]bool{}
	for _, name := range names {
		if _, ok := importPlugins[name]; !ok || seen[name] {
			err = errors.Join(err, fmt.Errorf("image_import_plugins: %q is there twice or none of %v", name, slices.Sorted(maps.Keys(importPlugins))))
		}
		seen[name] = true
	}
	return err
}

// plugins are those that an import runs, in order.
func (s *Service) plugins() []string {
	return slices.DeleteFunc(slices.Clone(s.config.ImageImportPlugins), func(name string) bool { return importPlugins[name] == nil })
}

// plugin is the step of the n-th plugin. Which one that is the flow knows, so
// that another configuration does not change an import under way.
func (s *Service) plugin(n int) func(context.Context, *imageImport) error {
	return func(ctx context.Context, st *imageImport) error {
		if n > len(st.Plugins) {
			return nil
		}
		run := importPlugins[st.Plugins[n-1]]
		if run == nil {
			return nil
		}
		return importFault(run(s, ctx, st, n), st.ImageID)
	}
}

// inject gives the image the operator's properties, unless one of the caller's
// roles is spared.
func (s *Service) inject(ctx context.Context, st *imageImport, _ int) error {
	o := s.config.InjectMetadata
	if len(o.Inject) == 0 || slices.ContainsFunc(auth.Caller(ctx).Roles, func(r string) bool { return slices.Contains(o.IgnoreUserRoles, r) }) {
		return nil
	}
	return s.changeImport(ctx, st.ImageID, flow.Done, func(img *glance.Image) error {
		for name, value := range o.Inject {
			st.setProperty(img, name, value)
		}
		return nil
	})
}

// Beginnings of compressed files.
var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zipMagic  = []byte("PK\x03\x04")
	lhaMagic  = []byte("-lh") // at 2
)

// decompress unpacks an image that is compressed, unless its container says
// that it is meant to be.
func (s *Service) decompress(ctx context.Context, st *imageImport, n int) error {
	img, err := s.store.AnyImage(ctx, st.ImageID)
	if err != nil || img.ContainerFormat == "compressed" {
		return err
	}
	path, err := s.staging[st.Area].Path(st.ImageID)
	if err != nil {
		return err
	}
	packed, err := os.Open(path)
	if err != nil {
		return err
	}
	defer packed.Close()
	unpacked, err := unpack(packed)
	if unpacked == nil || err != nil {
		return err
	}
	defer unpacked.Close()
	size, err := s.toArea(ctx, st, img, n, unpacked, glance.None)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "image decompressed", "image", st.ImageID, "bytes", size)
	return s.changed(ctx, st, n, func(img *glance.Image) { img.Size = size })
}

// changed records that a part of staging has the bytes now.
func (s *Service) changed(ctx context.Context, st *imageImport, area int, fn func(*glance.Image)) error {
	was := st.Area
	st.Area = area
	err := s.changeImport(ctx, st.ImageID, flow.Done, func(img *glance.Image) error { fn(img); return nil })
	if err != nil {
		st.Area = was
	}
	return err
}

// unpack reads what is in a compressed file; nil if it is none.
func unpack(f *os.File) (io.ReadCloser, error) {
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, gzipMagic):
		r, err := gzip.NewReader(f)
		if err != nil {
			return nil, errPacked(err)
		}
		return packed{r}, nil
	case bytes.HasPrefix(head, zipMagic):
		return onlyMember(f)
	case len(head) > 5 && bytes.HasPrefix(head[2:], lhaMagic):
		return nil, fault.BadRequest("No lhafile available.")
	}
	return nil, nil
}

func onlyMember(f *os.File) (io.ReadCloser, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, errPacked(err)
	}
	if len(z.File) != 1 {
		return nil, fault.BadRequest("Archive contains more than one file.")
	}
	r, err := z.File[0].Open()
	if err != nil {
		return nil, errPacked(err)
	}
	return packed{r}, nil
}

// packed is a member whose errors a task can tell.
type packed struct{ io.ReadCloser }

// Read implements io.Reader.
func (p packed) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = errPacked(err)
	}
	return n, err
}

func errPacked(err error) error {
	return fault.BadRequest("The image cannot be decompressed: %s", err)
}
