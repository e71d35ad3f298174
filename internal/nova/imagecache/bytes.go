package imagecache

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"nacre/internal/nova/virt"
)

// sum hashes an image on its way, if its hash is known.
type sum struct{ hash.Hash }

func newSum(img virt.Image) (sum, error) {
	if img.HashValue == "" {
		return sum{}, nil
	}
	switch img.HashAlgo {
	case "md5":
		return sum{md5.New()}, nil
	case "sha1":
		return sum{sha1.New()}, nil
	case "sha224":
		return sum{sha256.New224()}, nil
	case "sha256":
		return sum{sha256.New()}, nil
	case "sha384":
		return sum{sha512.New384()}, nil
	case "sha512":
		return sum{sha512.New()}, nil
	default:
		return sum{}, fmt.Errorf("%w: image %s is hashed with %q, which is not known here", virt.ErrImage, img.ID, img.HashAlgo)
	}
}

// Write takes bytes in.
func (s sum) Write(p []byte) (int, error) {
	if s.Hash == nil {
		return len(p), nil
	}
	return s.Hash.Write(p)
}

// check compares with what the image service says of the image.
func (s sum) check(img virt.Image, n int64) error {
	if img.SizeBytes > 0 && n != img.SizeBytes {
		return fmt.Errorf("download image %s: %d bytes came of %d", img.ID, n, img.SizeBytes)
	}
	if s.Hash == nil {
		return nil
	}
	if got := hex.EncodeToString(s.Sum(nil)); got != img.HashValue {
		return fmt.Errorf("%w: image %s has %s %s, not %s", virt.ErrImage, img.ID, img.HashAlgo, got, img.HashValue)
	}
	return nil
}

// sparseWriter leaves holes where whole blocks are zero. The file must be truncated to its length at the end.
type sparseWriter struct {
	f  *os.File
	at int64
}

var zeros [4096]byte

// Write appends p.
func (w *sparseWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(zeros), len(p)-done)
		if n < len(zeros) || !bytes.Equal(p[done:done+n], zeros[:]) {
			for done+n < len(p) { // as much as is not zero in one call
				m := min(len(zeros), len(p)-done-n)
				if m == len(zeros) && bytes.Equal(p[done+n:done+n+m], zeros[:]) {
					break
				}
				n += m
			}
			if _, err := w.f.WriteAt(p[done:done+n], w.at); err != nil {
				return done, err
			}
		}
		w.at += int64(n)
		done += n
	}
	return len(p), nil
}

// onDisk is the room a file takes.
func onDisk(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// checkVMDK refuses what would make qemu-img open other files: only single-file images, whose descriptor lies inside.
func checkVMDK(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && n < 512 {
		return fmt.Errorf("not a VMDK: %w", err)
	}
	head = head[:n]
	if !bytes.HasPrefix(head, []byte("KDMV")) {
		return fmt.Errorf("only VMDKs of one file are accepted")
	}
	for _, kind := range []string{"monolithicSparse", "streamOptimized"} {
		if bytes.Contains(head, []byte(`createType="`+kind+`"`)) && bytes.Count(head, []byte("createType")) == 1 {
			return oneExtent(head)
		}
	}
	return fmt.Errorf("only VMDKs of type monolithicSparse and streamOptimized are accepted")
}

// oneExtent refuses a descriptor with extents beside the file itself.
func oneExtent(head []byte) error {
	extents := 0
	for _, line := range bytes.Split(head, []byte("\n")) {
		for _, access := range []string{"RW ", "RDONLY ", "NOACCESS "} {
			if bytes.HasPrefix(line, []byte(access)) {
				extents++
			}
		}
		if bytes.HasPrefix(line, []byte("RW ")) && !bytes.Contains(line, []byte(" SPARSE ")) ||
			bytes.HasPrefix(line, []byte("parentFileNameHint")) {
			return fmt.Errorf("the VMDK refers to another file")
		}
	}
	if extents != 1 {
		return fmt.Errorf("the VMDK has %d extents", extents)
	}
	return nil
}
