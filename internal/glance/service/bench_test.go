package service_test

import (
	"crypto/md5"
	"crypto/sha512"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"nacre/internal/glance/service"
)

const benchSize = 256 << 20

// noise is n bytes that are no image.
type noise struct{ n int64 }

var noisePiece = func() []byte {
	p := make([]byte, 1<<20)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}()

func (z *noise) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), z.n)], noisePiece)
	z.n -= int64(n)
	return n, nil
}

// BenchmarkUpload is a whole upload, made durable.
func BenchmarkUpload(b *testing.B) {
	slog.SetLogLoggerLevel(slog.LevelError)
	s := newSite(b)
	svc := s.process(b, "w", service.DefaultConfig())
	b.SetBytes(benchSize)
	for b.Loop() {
		img := queued(b, svc, "raw")
		if err := upload(b, svc, img.ID, &noise{benchSize}); err != nil {
			b.Fatal(err)
		}
		if err := svc.DeleteImage(caller(b), img.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHashing is the floor of BenchmarkUpload: both hashes at once, no file.
func BenchmarkHashing(b *testing.B) {
	b.SetBytes(benchSize)
	for b.Loop() {
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(md5.New(), &noise{benchSize}) })
		both.Go(func() { _, _ = io.Copy(sha512.New(), &noise{benchSize}) })
		both.Wait()
	}
}

// BenchmarkWriting is the other floor: the file alone, synced.
func BenchmarkWriting(b *testing.B) {
	name := filepath.Join(b.TempDir(), "x")
	b.SetBytes(benchSize)
	for b.Loop() {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{f}, &noise{benchSize}, make([]byte, 512<<10)); err != nil {
			b.Fatal(err)
		}
		_ = f.Sync()
		f.Close()
	}
}
