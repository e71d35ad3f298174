package format

import "encoding/binary"

// window keeps one range of the image as it passes.
type window struct {
	off  int64
	want int
	buf  block
	then func(block) // called once, when the window is full
}

// take keeps what p, which lies at pos, has of the window, and reports whether
// that filled it. A window whose beginning has passed already stays empty.
func (w *window) take(pos int64, p []byte) bool {
	skip := w.off + int64(len(w.buf)) - pos
	if w.full() || skip < 0 || skip >= int64(len(p)) {
		return false
	}
	p = p[skip:]
	w.buf = append(w.buf, p[:min(len(p), w.want-len(w.buf))]...)
	return w.full()
}

func (w *window) full() bool { return len(w.buf) >= w.want }

// seen is what a window has, nil for one that was never opened.
func (w *window) seen() block {
	if w == nil {
		return nil
	}
	return w.buf
}

// block is some bytes of an image. Reading past its end gives zeroes, so that
// a header cut short reads as one that says nothing.
type block []byte

func (b block) at(off, n int) []byte {
	out := make([]byte, n)
	if off < len(b) {
		copy(out, b[off:])
	}
	return out
}

func (b block) has(off int, magic string) bool {
	return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
}

func (b block) byte(off int) byte    { return b.at(off, 1)[0] }
func (b block) be16(off int) uint16  { return binary.BigEndian.Uint16(b.at(off, 2)) }
func (b block) be32(off int) uint32  { return binary.BigEndian.Uint32(b.at(off, 4)) }
func (b block) be64(off int) uint64  { return binary.BigEndian.Uint64(b.at(off, 8)) }
func (b block) le16(off int) uint16  { return binary.LittleEndian.Uint16(b.at(off, 2)) }
func (b block) le32(off int) uint32  { return binary.LittleEndian.Uint32(b.at(off, 4)) }
func (b block) le64(off int) uint64  { return binary.LittleEndian.Uint64(b.at(off, 8)) }
func (b block) zero(off, n int) bool { return allZero(b.at(off, n)) }

func allZero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}
