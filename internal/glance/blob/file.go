package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nacre/internal/oslo/uuid"
)

// partial is the directory, within the store's, of files not committed yet.
const partial = ".partial"

// File keeps objects in a directory, one file per image, named by its ID.
type File struct{ dir string }

// NewFile is a store in dir, which is made if it does not exist.
func NewFile(dir string) (*File, error) {
	if err := os.MkdirAll(filepath.Join(dir, partial), 0o700); err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	return &File{dir}, nil
}

// Info implements Store.
func (f *File) Info() Info {
	return Info{Type: "file", Properties: map[string]any{
		"data_dir": f.dir, "chunk_size": 65536, "thin_provisioning": false}}
}

// path is the file of an image. An ID that is none could be a path elsewhere.
func (f *File) path(image string) (string, error) {
	if !uuid.Valid(image) {
		return "", fmt.Errorf("image store: %q is no image ID", image)
	}
	return filepath.Join(f.dir, image), nil
}

func (f *File) partialPath(image, upload string) (string, error) {
	if !uuid.Valid(image) || !uuid.Valid(upload) {
		return "", fmt.Errorf("image store: %q or %q is no ID", image, upload)
	}
	return filepath.Join(f.dir, partial, image+"."+upload), nil
}

// Create implements Store.
func (f *File) Create(_ context.Context, image, upload string) (Writer, error) {
	final, err := f.path(image)
	if err != nil {
		return nil, err
	}
	path, err := f.partialPath(image, upload)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, kindOf(err)
	}
	return &fileWriter{file: file, path: path, final: final}, nil
}

// Open implements Store.
func (f *File) Open(_ context.Context, image string, offset int64) (io.ReadCloser, error) {
	path, err := f.path(image)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		file.Close()
		return nil, fmt.Errorf("image store: %w", err)
	}
	return file, nil
}

// Delete implements Store.
func (f *File) Delete(_ context.Context, image string) error {
	path, err := f.path(image)
	if err != nil {
		return err
	}
	return remove(path)
}

// Discard implements Store.
func (f *File) Discard(_ context.Context, image, upload string) error {
	path, err := f.partialPath(image, upload)
	if err != nil {
		return err
	}
	return remove(path)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("image store: %w", err)
	}
	return nil
}

// Objects implements Store. Files that are not named as images are nobody's.
func (f *File) Objects(ctx context.Context, each func(Object) error) error {
	for _, dir := range []string{filepath.Join(f.dir, partial), f.dir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("image store: %w", err)
		}
		for _, e := range entries {
			o, ok := object(e, dir != f.dir)
			if !ok {
				continue
			}
			if err := errors.Join(ctx.Err(), each(o)); err != nil {
				return err
			}
		}
	}
	return nil
}

func object(e fs.DirEntry, unfinished bool) (Object, bool) {
	image, upload, _ := strings.Cut(e.Name(), ".")
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() || !uuid.Valid(image) || unfinished != uuid.Valid(upload) {
		return Object{}, false
	}
	return Object{Image: image, Upload: upload, Size: info.Size(), Modified: info.ModTime()}, true
}

// fileWriter writes a partial file that Commit gives its name.
type fileWriter struct {
	file        *os.File
	path, final string

	size, begun int64 // bytes written; of these, on their way to the disk
}

// stride is how many bytes are sent to the disk at a time.
const stride = 8 << 20

// Write has the disk begin at once with what it will have to keep, so that
// Commit need not wait for all of it. Systems that cannot do so wait.
func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.size += int64(n)
	if w.size-w.begun >= stride {
		_ = unix.SyncFileRange(int(w.file.Fd()), w.begun, w.size-w.begun, unix.SYNC_FILE_RANGE_WRITE)
		w.begun = w.size
	}
	return n, kindOf(err)
}

// Commit syncs the bytes before the name, and the name before it returns. A
// link, unlike a rename, never replaces an object that is there.
func (w *fileWriter) Commit() error {
	err := errors.Join(w.file.Sync(), w.file.Close())
	if err == nil {
		err = w.name()
	}
	return errors.Join(kindOf(err), remove(w.path))
}

func (w *fileWriter) name() error {
	if err := os.Link(w.path, w.final); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(w.final)); err != nil {
		return errors.Join(err, remove(w.final))
	}
	return nil
}

func (w *fileWriter) Abort() error {
	return errors.Join(w.file.Close(), remove(w.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// kindOf maps what the system says to an error of this package.
func kindOf(err error) error {
	for kind, of := range map[error][]error{
		ErrFull:   {syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG},
		ErrDenied: {fs.ErrPermission, syscall.EROFS},
		ErrExists: {fs.ErrExist},
	} {
		for _, e := range of {
			if errors.Is(err, e) {
				return fmt.Errorf("%w: %w", kind, err)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("image store: %w", err)
	}
	return nil
}
