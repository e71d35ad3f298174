package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// Progress is how far this process has brought the bytes of an image.
type Progress struct {
	Store string // where they go
	Bytes int64
	Since time.Time
}

// progress is what this process is busy with, by image.
type progress struct {
	mu sync.Mutex
	at map[string]*Progress
}

func (p *progress) begin(image, store string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[string]*Progress{}
	}
	p.at[image] = &Progress{Store: store, Since: now}
}

func (p *progress) add(image string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.at[image]; now != nil {
		now.Bytes += int64(n)
	}
}

func (p *progress) end(image string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, image)
}

func (p *progress) of(image string) Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.at[image]; now != nil {
		return *now
	}
	return Progress{}
}

// Watched is an image and how far it is.
type Watched struct {
	Progress
	Image   glance.Image
	Message string // of its last task
	Over    bool   // nothing is under way
}

// Watch tells an operator how far an image, named by its ID or its name, is.
func (s *Service) Watch(ctx context.Context, image string) (Watched, error) {
	everything := glance.Visible{All: true}
	img, err := s.store.Image(ctx, everything, image)
	if errors.Is(err, db.ErrNoRow) {
		f := glance.Filter{Names: []string{image}, MemberStatus: "all", Visibility: "all"}
		var named []glance.Image
		named, err = s.store.Images(ctx, everything, f, db.Page{Limit: 1, Sort: []db.Sort{{Column: "created_at", Desc: true}}})
		if err == nil && len(named) == 0 {
			err = db.ErrNoRow
		} else if err == nil {
			img = named[0]
		}
	}
	if err != nil {
		return Watched{}, missing(err, image)
	}
	w := Watched{Progress: s.progress.of(img.ID), Image: img}
	tasks, err := s.store.ImageTasks(ctx, img.ID, s.clock.Now())
	if len(tasks) > 0 {
		w.Message = tasks[0].Message
	}
	w.Over = w.Store == "" && img.Status != glance.Saving && img.Status != glance.Importing && img.Properties[glance.ImportTask] == nil
	return w, err
}

// reportEvery is how often a task tells how far it is.
const reportEvery = 5 * time.Second

// readFunc is a reader.
type readFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// counted counts the bytes that are read through it on their way to a store.
func (s *Service) counted(image, store string, src io.Reader) io.Reader {
	s.progress.begin(image, store, s.clock.Now())
	return readFunc(func(p []byte) (int, error) {
		n, err := src.Read(p)
		s.progress.add(image, n)
		return n, err
	})
}

// watched is counted for an import, whose task tells how far it is. A task that
// is over ends it.
func (s *Service) watched(ctx context.Context, st *imageImport, store string, src io.Reader) io.Reader {
	src = s.counted(st.ImageID, store, src)
	var total int64
	var told time.Time
	return readFunc(func(p []byte) (int, error) {
		n, err := src.Read(p)
		if total += int64(n); err != io.EOF && time.Since(told) < reportEvery {
			return n, err
		}
		told = time.Now()
		message := fmt.Sprintf("Copied %d MiB", total/glance.MiB)
		if failed := s.store.Report(ctx, st.TaskID, message, s.taskTime()); failed != nil {
			err = failed
		}
		return n, err
	})
}
