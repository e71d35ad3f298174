package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nacre/internal/oslo/uuid"
)

// partial is the directory, within each of the store's, of files not committed yet.
const partial = ".partial"

// FileConfig are the options of a store of files, under the original's names.
type FileConfig struct {
	Datadir          string   `yaml:"filesystem_store_datadir"`     // made if it does not exist
	Datadirs         []string `yaml:"filesystem_store_datadirs"`    // several, each "path:priority"; the highest that has room is taken
	FilePerm         string   `yaml:"filesystem_store_file_perm"`   // octal digits: 640; 600 when empty
	ChunkSize        int      `yaml:"filesystem_store_chunk_size"`  // bytes that become a hole if all are zero; 65536 when 0
	ThinProvisioning bool     `yaml:"filesystem_thin_provisioning"` // zeroes take no space
}

// directory is one of the places of a store of files.
type directory struct {
	path     string
	priority int
}

// File keeps objects in directories, one file per image, named by its ID.
type File struct {
	dirs  []directory // the highest priority first
	perm  fs.FileMode
	chunk int
	thin  bool
}

// NewFile is a store in dir, which is made if it does not exist.
func NewFile(dir string) (*File, error) { return OpenFile(FileConfig{Datadir: dir}) }

// OpenFile makes the directories that do not exist.
func OpenFile(c FileConfig) (*File, error) {
	f := &File{perm: 0o600, chunk: 64 << 10, thin: c.ThinProvisioning}
	if c.ChunkSize > 0 {
		f.chunk = c.ChunkSize
	}
	var err error
	if f.dirs, err = c.directories(); err != nil {
		return nil, err
	}
	if c.FilePerm != "" {
		perm, err := strconv.ParseUint(strings.TrimPrefix(c.FilePerm, "0o"), 8, 9)
		if err != nil {
			return nil, fmt.Errorf("filesystem_store_file_perm: %q is no permissions such as 640", c.FilePerm)
		}
		if perm&0o400 == 0 {
			return nil, fmt.Errorf("filesystem_store_file_perm: %s would hide images from the service itself", c.FilePerm)
		}
		f.perm = fs.FileMode(perm)
	}
	for _, d := range f.dirs {
		if err := f.prepare(d.path); err != nil {
			return nil, fmt.Errorf("image store: %w", err)
		}
	}
	return f, nil
}

// prepare makes a directory, and lets those through who may read its files.
func (f *File) prepare(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, partial), 0o700); err != nil {
		return err
	}
	through := f.perm & 0o044 >> 2
	if through == 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|through)
}

func (c FileConfig) directories() ([]directory, error) {
	if (c.Datadir == "") == (len(c.Datadirs) == 0) {
		return nil, errors.New("image store: either filesystem_store_datadir or filesystem_store_datadirs is needed")
	}
	if c.Datadir != "" {
		return []directory{{path: filepath.Clean(c.Datadir)}}, absolute(c.Datadir)
	}
	var dirs []directory
	for _, text := range c.Datadirs {
		path, digits, found := text, "", false
		if i := strings.LastIndex(text, ":"); i >= 0 {
			path, digits, found = text[:i], strings.TrimSpace(text[i+1:]), true
		}
		d := directory{path: filepath.Clean(strings.TrimSpace(path))}
		var err error
		if found && digits != "" {
			d.priority, err = strconv.Atoi(digits)
		}
		if err != nil || strings.TrimSpace(path) == "" {
			return nil, fmt.Errorf("filesystem_store_datadirs: %q is no directory and priority", text)
		}
		if err := absolute(d.path); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(dirs, func(o directory) bool { return o.path == d.path }) {
			return nil, fmt.Errorf("filesystem_store_datadirs: %s is there twice", d.path)
		}
		dirs = append(dirs, d)
	}
	slices.SortStableFunc(dirs, func(a, b directory) int { return b.priority - a.priority })
	return dirs, nil
}

// absolute refuses what would be another directory wherever else the service is started.
func absolute(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("image store: %q is no absolute path", path)
	}
	return nil
}

// Info implements Store.
func (f *File) Info() Info {
	return Info{Type: "file", Properties: map[string]any{
		"data_dir": f.dirs[0].path, "chunk_size": f.chunk, "thin_provisioning": f.thin}}
}

// URL implements Store.
func (f *File) URL(image string) string {
	at := f.find(image)
	if at == "" {
		at = filepath.Join(f.dirs[0].path, image)
	}
	return "file://" + at
}

// find is the file of an image, or "".
func (f *File) find(image string) string {
	for _, d := range f.dirs {
		path := filepath.Join(d.path, image)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// place is the directory for so many bytes: the first priority with room, and
// there the one with the most. What the file system keeps for root is no room.
func (f *File) place(size int64) (string, error) {
	best, most := "", int64(-1)
	for i, d := range f.dirs {
		if best != "" && d.priority != f.dirs[i-1].priority {
			break
		}
		var st unix.Statfs_t
		if err := unix.Statfs(d.path, &st); err != nil {
			return "", kindOf(err)
		}
		if room := int64(st.Bavail) * st.Bsize; room >= max(size, 1) && room > most {
			best, most = d.path, room
		}
	}
	if best == "" {
		return "", fmt.Errorf("%w: no directory has %d bytes", ErrFull, size)
	}
	return best, nil
}

// Create implements Store.
func (f *File) Create(_ context.Context, image, upload string, size int64) (Writer, error) {
	if err := Valid(image, upload); err != nil {
		return nil, err
	}
	if f.thin {
		size = Unknown // how many of them are zeroes nobody told
	}
	dir, err := f.place(size)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, partial, image+"."+upload)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, kindOf(err)
	}
	return &fileWriter{of: f, file: file, path: path, final: filepath.Join(dir, image)}, nil
}

// Open implements Store.
func (f *File) Open(_ context.Context, image string, offset int64) (io.ReadCloser, error) {
	if err := Valid(image); err != nil {
		return nil, err
	}
	path := f.find(image)
	if path == "" {
		return nil, ErrNotFound
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

// Size implements Store.
func (f *File) Size(_ context.Context, image string) (int64, error) {
	if err := Valid(image); err != nil {
		return 0, err
	}
	info, err := os.Stat(f.find(image))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ErrNotFound
	} else if err != nil {
		return 0, fmt.Errorf("image store: %w", err)
	}
	return info.Size(), nil
}

// Delete implements Store.
func (f *File) Delete(_ context.Context, image string) error {
	if err := Valid(image); err != nil {
		return err
	}
	var errs []error
	for _, d := range f.dirs {
		errs = append(errs, remove(filepath.Join(d.path, image)))
	}
	return errors.Join(errs...)
}

// Discard implements Store.
func (f *File) Discard(_ context.Context, image, upload string) error {
	if err := Valid(image, upload); err != nil {
		return err
	}
	var errs []error
	for _, d := range f.dirs {
		errs = append(errs, remove(filepath.Join(d.path, partial, image+"."+upload)))
	}
	return errors.Join(errs...)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("image store: %w", err)
	}
	return nil
}

// Objects implements Store. Files that are not named as images are nobody's.
func (f *File) Objects(ctx context.Context, each func(Object) error) error {
	for _, d := range f.dirs {
		for _, dir := range []string{filepath.Join(d.path, partial), d.path} {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return fmt.Errorf("image store: %w", err)
			}
			for _, e := range entries {
				o, ok := object(e, dir != d.path)
				if !ok {
					continue
				}
				if err := errors.Join(ctx.Err(), each(o)); err != nil {
					return err
				}
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
	of          *File
	file        *os.File
	path, final string

	size, begun int64 // bytes written; of these, on their way to the disk
}

// stride is how many bytes are sent to the disk at a time.
const stride = 8 << 20

// Write has the disk begin at once with what it will have to keep, so that
// Commit need not wait for all of it. Systems that cannot do so wait.
func (w *fileWriter) Write(p []byte) (n int, err error) {
	if w.of.thin {
		n, err = w.writeThin(p)
	} else {
		n, err = w.file.Write(p)
		w.size += int64(n)
	}
	if w.size-w.begun >= stride {
		_ = unix.SyncFileRange(int(w.file.Fd()), w.begun, w.size-w.begun, unix.SYNC_FILE_RANGE_WRITE)
		w.begun = w.size
	}
	return n, kindOf(err)
}

// writeThin leaves holes where chunks are zeroes; Commit gives the file its size.
func (w *fileWriter) writeThin(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		chunk := p[n:min(len(p), n+w.of.chunk-int(w.size%int64(w.of.chunk)))]
		m := len(chunk)
		if !zeroes(chunk) {
			m, err = w.file.WriteAt(chunk, w.size)
		}
		n += m
		w.size += int64(m)
	}
	return n, err
}

// zeroes compares the bytes with themselves, one further.
func zeroes(p []byte) bool { return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1]) }

// Commit syncs the bytes before the name, and the name before it returns. A
// link, unlike a rename, never replaces an object that is there.
func (w *fileWriter) Commit() error {
	var err error
	if w.of.thin {
		err = w.file.Truncate(w.size)
	}
	if err == nil && w.of.perm != 0o600 {
		err = w.file.Chmod(w.of.perm)
	}
	err = errors.Join(err, w.file.Sync(), w.file.Close())
	if err == nil {
		err = w.name()
	}
	return errors.Join(kindOf(err), remove(w.path))
}

func (w *fileWriter) name() error {
	if w.of.find(filepath.Base(w.final)) != "" {
		return fs.ErrExist // in whichever directory
	}
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
