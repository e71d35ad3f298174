// Package qcow2 reads the header of a qcow2 file and writes empty overlays. It touches no data: that is qemu's.
package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	magic       = 0x514649fb // "QFI\xfb"
	clusterBits = 16
	cluster     = 1 << clusterBits
	headerV3    = 104

	extBackingFormat = 0xe2792aca
	featureDataFile  = 1 << 2
)

// ErrNotQcow2 is returned for a file with another signature.
var ErrNotQcow2 = errors.New("not a qcow2 file")

// Header is what a qcow2 file says of itself.
type Header struct {
	Version       int
	VirtualBytes  int64
	BackingFile   string // as written; empty: none
	BackingFormat string
	DataFile      bool // the data lie in another file
	Encrypted     bool
	Snapshots     int
}

// ReadHeader parses the first cluster of r.
func ReadHeader(r io.ReaderAt) (Header, error) {
	b := make([]byte, cluster)
	n, err := r.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Header{}, err
	}
	b = b[:n]
	if n < 72 || binary.BigEndian.Uint32(b) != magic {
		return Header{}, ErrNotQcow2
	}
	h := Header{
		Version:      int(binary.BigEndian.Uint32(b[4:])),
		VirtualBytes: int64(binary.BigEndian.Uint64(b[24:])),
		Encrypted:    binary.BigEndian.Uint32(b[32:]) != 0,
		Snapshots:    int(binary.BigEndian.Uint32(b[60:])),
	}
	if h.Version < 2 || h.Version > 3 || h.VirtualBytes < 0 {
		return Header{}, fmt.Errorf("qcow2: version %d, size %d: not supported", h.Version, h.VirtualBytes)
	}
	length := 72
	if h.Version == 3 && n >= headerV3 {
		h.DataFile = binary.BigEndian.Uint64(b[72:])&featureDataFile != 0
		length = int(binary.BigEndian.Uint32(b[100:]))
	}
	return h, h.readBacking(b, length)
}

// readBacking reads the backing file's name and the extension that tells its format.
func (h *Header) readBacking(b []byte, length int) error {
	at, size := binary.BigEndian.Uint64(b[8:]), uint64(binary.BigEndian.Uint32(b[16:]))
	if at == 0 {
		return nil
	}
	if size > 1023 || at > uint64(len(b)) || at+size > uint64(len(b)) {
		return errors.New("qcow2: the backing file's name lies outside the first cluster")
	}
	h.BackingFile = string(b[at : at+size])
	for length >= 72 && length+8 <= len(b) {
		kind, n := binary.BigEndian.Uint32(b[length:]), int(binary.BigEndian.Uint32(b[length+4:]))
		if kind == 0 || n < 0 || n > len(b)-length-8 {
			break
		}
		if kind == extBackingFormat {
			h.BackingFormat = string(b[length+8 : length+8+n])
		}
		length += 8 + (n+7)/8*8
	}
	return nil
}

// ReadFile is ReadHeader of a file.
func ReadFile(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	return ReadHeader(f)
}

// CreateOverlay writes a qcow2 file of that virtual size in which nothing is allocated yet: every read falls through to
// backing, an absolute path to a file in backingFormat ("raw" or "qcow2"), or yields zeros when backing is empty. The
// file appears whole or not at all.
func CreateOverlay(path, backing, backingFormat string, virtualBytes int64) error {
	head, err := overlay(backing, backingFormat, virtualBytes)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(head)
	if err == nil {
		err = f.Truncate(int64(3+l1Clusters(virtualBytes)) * cluster)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}

// l1Entries is how many L2 tables a disk has: one maps 512 MiB.
func l1Entries(virtualBytes int64) int64 {
	const perTable = cluster / 8 * cluster
	return max(1, (virtualBytes+perTable-1)/perTable)
}

func l1Clusters(virtualBytes int64) int64 {
	return (l1Entries(virtualBytes)*8 + cluster - 1) / cluster
}

// overlay is the start of the file: header, reference count table, reference counts of the metadata. The L1 table that
// follows is zero.
func overlay(backing, backingFormat string, virtualBytes int64) ([]byte, error) {
	if virtualBytes <= 0 || virtualBytes%512 != 0 || virtualBytes > 1<<50 {
		return nil, fmt.Errorf("qcow2: %d bytes is no size for a disk", virtualBytes)
	}
	if len(backing) > 1023 || backing != "" && backing[0] != '/' {
		return nil, fmt.Errorf("qcow2: %q cannot be a backing file", backing)
	}
	be := binary.BigEndian
	b := make([]byte, 3*cluster)
	be.PutUint32(b[0:], magic)
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(virtualBytes))
	be.PutUint32(b[36:], uint32(l1Entries(virtualBytes)))
	be.PutUint64(b[40:], 3*cluster) // L1 table
	be.PutUint64(b[48:], cluster)   // reference count table
	be.PutUint32(b[56:], 1)
	be.PutUint32(b[96:], 4) // reference counts of 16 bits
	be.PutUint32(b[100:], headerV3)
	if backing != "" {
		at := headerV3
		be.PutUint32(b[at:], extBackingFormat)
		be.PutUint32(b[at+4:], uint32(len(backingFormat)))
		copy(b[at+8:], backingFormat)
		at += 8 + (len(backingFormat)+7)/8*8 + 8 // and the empty end extension
		be.PutUint64(b[8:], uint64(at))
		be.PutUint32(b[16:], uint32(len(backing)))
		copy(b[at:], backing)
	}
	be.PutUint64(b[cluster:], 2*cluster)
	for i := range 3 + l1Clusters(virtualBytes) {
		be.PutUint16(b[2*cluster+2*i:], 1)
	}
	return b, nil
}
