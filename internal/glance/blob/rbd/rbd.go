// Package rbd keeps images in a pool of Ceph, one RBD image each, named by its
// ID. It runs Ceph's own command, rbd, which must be installed, and for what the
// command cannot do the Python that comes with it.
//
// An upload is an RBD image "image.upload" that the command fills from a pipe.
// Commit takes the snapshot "snap" of it, protects that, as the original does,
// so that Nova and Cinder may clone from it, and renames the RBD image.
package rbd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"nacre/internal/glance/blob"
)

// Config are the options of a store of that kind, under the original's names.
type Config struct {
	Pool      string `yaml:"rbd_store_pool"`       // "images" when empty
	User      string `yaml:"rbd_store_user"`       // without "client."; the command's default when empty
	CephConf  string `yaml:"rbd_store_ceph_conf"`  // "/etc/ceph/ceph.conf" when empty
	ChunkSize int    `yaml:"rbd_store_chunk_size"` // MiB of an object, a power of two; 8 when 0
}

// Check completes what is left out and reports every mistake.
func (c *Config) Check() error {
	if c.Pool == "" {
		c.Pool = "images"
	}
	if c.CephConf == "" {
		c.CephConf = "/etc/ceph/ceph.conf"
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = 8
	}
	if c.ChunkSize < 1 || c.ChunkSize > 32 || c.ChunkSize&(c.ChunkSize-1) != 0 {
		return errors.New("rbd_store_chunk_size is no power of two within 1 and 32 MiB")
	}
	return nil
}

// Command is what the store needs, and Package the Debian package that brings it.
const (
	Command = "rbd"
	Package = "ceph-common"
)

// snap is the snapshot from which clones are made.
const snap = "snap"

// Store is a pool.
type Store struct {
	Config
	fsid string

	mu   sync.Mutex
	live map[string]*writer // by the name of their RBD image
}

// New looks for the command and the cluster's configuration.
func New(c Config) (*Store, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(Command); err != nil {
		return nil, fmt.Errorf("a store of the type rbd needs the command %s: apt-get install -y --no-install-recommends %s", Command, Package)
	}
	fsid, err := fsidIn(c.CephConf)
	if err != nil {
		return nil, err
	}
	return &Store{Config: c, fsid: fsid, live: map[string]*writer{}}, nil
}

// fsidIn is the cluster's name, which its configuration tells.
func fsidIn(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("rbd_store_ceph_conf: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "fsid" {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("rbd_store_ceph_conf: %s has no fsid", file)
}

// Info implements blob.Store.
func (s *Store) Info() blob.Info {
	return blob.Info{Type: "rbd", Properties: map[string]any{"chunk_size": s.ChunkSize << 20, "pool": s.Pool, "thin_provisioning": true, "fsid": s.fsid}}
}

// URL implements blob.Store.
func (s *Store) URL(image string) string {
	return "rbd://" + s.fsid + "/" + s.Pool + "/" + image + "/" + snap
}

func (s *Store) command(ctx context.Context, args ...string) *exec.Cmd {
	pool := "--pool"
	if args[0] == "import" { // its warning of the other one would hide what is wrong
		pool = "--dest-pool"
	}
	all := []string{"--conf", s.CephConf, pool, s.Pool}
	if s.User != "" {
		all = append(all, "--id", s.User)
	}
	return exec.CommandContext(ctx, Command, append(all, args...)...)
}

// run is a command to its end; into decodes its answer, nil drops it.
func (s *Store) run(ctx context.Context, into any, args ...string) error {
	var out, errs bytes.Buffer
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := failure(args[0], cmd.Run(), &errs); err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), into)
}

// failed is a command that said why. Its exit status is the system's number.
type failed struct {
	errno syscall.Errno
	text  string
}

func (f *failed) Error() string        { return f.text }
func (f *failed) Is(target error) bool { return kinds[f.errno] == target && target != nil }

var kinds = map[syscall.Errno]error{syscall.ENOENT: blob.ErrNotFound, syscall.EEXIST: blob.ErrExists, syscall.ENOSPC: blob.ErrFull,
	syscall.EDQUOT: blob.ErrFull, syscall.EACCES: blob.ErrDenied, syscall.EPERM: blob.ErrDenied, syscall.EROFS: blob.ErrDenied,
	syscall.EBUSY: blob.ErrInUse}

func failure(verb string, err error, said *bytes.Buffer) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	return &failed{syscall.Errno(exit.ExitCode()), fmt.Sprintf("rbd %s: %s", verb, lines[len(lines)-1])}
}

func is(err error, errno syscall.Errno) bool {
	var f *failed
	return errors.As(err, &f) && f.errno == errno
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, image string) (int64, error) {
	if err := blob.Valid(image); err != nil {
		return 0, err
	}
	var info struct {
		Size int64 `json:"size"`
	}
	return info.Size, s.run(ctx, &info, "info", "--format", "json", image)
}

// python is that of Ceph's own command ceph: a distribution's, with Ceph's bindings.
const python = "/usr/bin/python3"

// readFrom exports an image from an offset on, which the command cannot.
const readFrom = `
import sys, rados, rbd
conf, user, pool, image, snap, at = sys.argv[1:]
at = int(at)
try:
    with rados.Rados(conffile=conf, rados_id=user or None) as cluster, cluster.open_ioctx(pool) as io:
        with rbd.Image(io, image, snapshot=snap, read_only=True) as img:
            size = img.size()
            while at < size:
                at += sys.stdout.buffer.write(img.read(at, min(8 << 20, size - at)))
except (rados.Error, rbd.Error) as e:
    print(e, file=sys.stderr)
    sys.exit(getattr(e, 'errno', None) or 1)
`

// export is the command that writes an image from offset on.
func (s *Store) export(ctx context.Context, image string, offset int64) *exec.Cmd {
	if offset == 0 { // it reads several objects at once
		return s.command(ctx, "export", "--no-progress", image+"@"+snap, "-")
	}
	return exec.CommandContext(ctx, python, "-c", readFrom, s.CephConf, s.User, s.Pool, image, snap, strconv.FormatInt(offset, 10))
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, image string, offset int64) (io.ReadCloser, error) {
	size, err := s.Size(ctx, image)
	if err != nil {
		return nil, err
	}
	if offset > 0 && offset >= size {
		return io.NopCloser(strings.NewReader("")), nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{s: s, ctx: ctx, cancel: cancel, image: image, left: size - offset, cmd: s.export(ctx, image, offset)}
	r.cmd.Stderr = &r.said
	if r.pipe, err = r.cmd.StdoutPipe(); err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// reader is an export. Of an image that was removed meanwhile Ceph exports
// zeroes, so its end is the end only if the image is still there.
type reader struct {
	s      *Store
	ctx    context.Context
	cancel context.CancelFunc
	image  string
	left   int64
	cmd    *exec.Cmd
	pipe   io.ReadCloser
	said   bytes.Buffer
	ended  bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 || len(p) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		return 0, nil
	}
	n, err := r.pipe.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF {
		r.ended = true
		err = errors.Join(failure("export", r.cmd.Wait(), &r.said), io.ErrUnexpectedEOF)
	} else if err == nil && r.left == 0 {
		if _, gone := r.s.Size(r.ctx, r.image); gone != nil {
			r.left, err = int64(n), fmt.Errorf("image removed while it was read: %w", gone)
			n = 0
		}
	}
	return n, err
}

func (r *reader) Close() error {
	r.cancel()
	if !r.ended && r.cmd.Process != nil {
		r.ended = true
		_ = r.cmd.Wait() // it was killed
	}
	return nil
}

// InUse implements blob.Shared: something was cloned from the image.
func (s *Store) InUse(ctx context.Context, image string) (bool, error) {
	if err := blob.Valid(image); err != nil {
		return false, err
	}
	var children []json.RawMessage
	err := s.run(ctx, &children, "children", "--format", "json", image+"@"+snap)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return len(children) > 0, err
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, image string) error {
	if err := blob.Valid(image); err != nil {
		return err
	}
	return s.remove(ctx, image)
}

// Discard implements blob.Store. An upload of this process ends first, for
// Ceph removes nothing that is open.
func (s *Store) Discard(ctx context.Context, image, upload string) error {
	if err := blob.Valid(image, upload); err != nil {
		return err
	}
	name := image + "." + upload
	s.mu.Lock()
	w := s.live[name]
	s.mu.Unlock()
	if w != nil {
		_ = w.end()
	}
	return s.remove(ctx, name)
}

// remove takes the snapshot away, then the image. One that has snapshots of
// somebody else's goes into the trash, as the original's do.
func (s *Store) remove(ctx context.Context, name string) error {
	err := s.run(ctx, nil, "snap", "unprotect", name+"@"+snap)
	if is(err, syscall.EBUSY) {
		return err // clones
	} else if err != nil && !errors.Is(err, blob.ErrNotFound) && !is(err, syscall.EINVAL) { // not there, not protected
		return err
	}
	if err := s.run(ctx, nil, "snap", "rm", name+"@"+snap); err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	err = s.run(ctx, nil, "rm", "--no-progress", name)
	if is(err, syscall.ENOTEMPTY) {
		slog.WarnContext(ctx, "image has other snapshots, moved to the trash", "image", name)
		err = s.run(ctx, nil, "trash", "mv", name)
	}
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// Objects implements blob.Store.
func (s *Store) Objects(ctx context.Context, each func(blob.Object) error) error {
	var rows []struct {
		Image    string `json:"image"`
		Snapshot string `json:"snapshot"`
		Size     int64  `json:"size"`
	}
	if err := s.run(ctx, &rows, "ls", "-l", "--format", "json"); err != nil {
		return err
	}
	for _, row := range rows {
		image, upload, ok := blob.Split(row.Image)
		if !ok || row.Snapshot != "" {
			continue
		}
		if err := errors.Join(ctx.Err(), each(blob.Object{Image: image, Upload: upload, Size: row.Size})); err != nil {
			return err
		}
	}
	return nil
}

// writer feeds the command that fills an RBD image.
type writer struct {
	s           *Store
	ctx         context.Context // of the upload
	image, name string
	cmd         *exec.Cmd
	pipe        io.WriteCloser
	said        bytes.Buffer

	once  sync.Once
	err   error         // of the command
	ended chan struct{} // closed when it is over
}

// Create implements blob.Store. It returns once the RBD image is there.
func (s *Store) Create(ctx context.Context, image, upload string, _ int64) (blob.Writer, error) {
	if err := blob.Valid(image, upload); err != nil {
		return nil, err
	}
	w := &writer{s: s, ctx: ctx, image: image, name: image + "." + upload, ended: make(chan struct{})}
	w.cmd = s.command(context.WithoutCancel(ctx), "import", "--no-progress", "--image-format", "2", "--image-feature", "layering",
		"--object-size", strconv.Itoa(s.ChunkSize)+"M", "-", w.name)
	w.cmd.Stderr = &w.said
	var err error
	if w.pipe, err = w.cmd.StdinPipe(); err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.live[w.name] = w
	s.mu.Unlock()
	go func() { w.err = failure("import", w.cmd.Wait(), &w.said); close(w.ended) }()
	for {
		err := s.run(ctx, nil, "info", w.name)
		switch {
		case err == nil:
			return w, nil
		case !errors.Is(err, blob.ErrNotFound):
			return nil, errors.Join(err, w.Abort())
		}
		select {
		case <-w.ended:
			return nil, errors.Join(w.err, w.Abort())
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), w.Abort())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.pipe.Write(p)
	if err != nil {
		if e := w.end(); e != nil {
			err = e
		}
	}
	return n, err
}

// end lets the command finish with what it has got: one that is killed leaves
// the RBD image open for half a minute.
func (w *writer) end() error {
	w.once.Do(func() {
		w.pipe.Close()
		w.s.mu.Lock()
		delete(w.s.live, w.name)
		w.s.mu.Unlock()
	})
	select {
	case <-w.ended:
	case <-time.After(time.Minute):
		_ = w.cmd.Process.Kill()
		<-w.ended
	}
	return w.err
}

// Commit implements blob.Writer. Somebody who gave the upload up has removed
// the RBD image that is to be renamed.
func (w *writer) Commit() error {
	err := w.end()
	if err == nil {
		err = context.Cause(w.ctx)
	}
	for _, args := range [][]string{{"snap", "create", w.name + "@" + snap}, {"snap", "protect", w.name + "@" + snap}, {"rename", w.name, w.image}} {
		if err == nil {
			err = w.s.run(w.ctx, nil, args...)
		}
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

// Abort implements blob.Writer.
func (w *writer) Abort() error {
	_ = w.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), time.Minute)
	defer cancel()
	return w.s.remove(ctx, w.name)
}
