// Package format finds out what a disk image really is while its bytes pass
// by, and whether opening it could reach anything outside of it.
//
// An Inspector is a writer: give it the whole image in order, in pieces of any
// size, then ask for the Result. It never fails, never waits, and keeps at
// most about 2.4 MiB (usually 5 KiB) however large or malicious the image is.
// It knows qcow2, qed, vdi, vhd, vhdx, vmdk, iso, gpt (MBR as well), luks, ploop
// and ova; what it does not know is raw. It reads headers only: that the data behind a
// header is sound is the business of whoever opens the image.
package format

import "slices"

const (
	headSize = 1024     // every magic but the ISO's, and the whole header of most formats
	tailSize = 3 * 512  // VMDK: footer marker, footer, end-of-stream marker; VHD: its footer
	textSize = 64 << 10 // of a file that is all text, the part in which a descriptor is looked for
)

// Inspector looks at an image that is written to it.
type Inspector struct {
	pos     int64 // bytes seen
	tail    []byte
	windows []*window

	head   *window // [0, headSize)
	volume *window // ISO: the first volume descriptor
	vmdk   *window // VMDK: the descriptor
	text   *window // text: where a bare VMDK descriptor may be
	table  *window // VHDX: the region table
	meta   *window // VHDX: the metadata table
	size   *window // VHDX: the virtual size

	archive *archive // OVA: what is in it; nil inside of one
}

// NewInspector returns an Inspector that has seen nothing.
func NewInspector() *Inspector {
	in := newInner()
	in.archive = &archive{}
	return in
}

// newInner is an Inspector of a file in an archive, which is none itself.
func newInner() *Inspector {
	in := &Inspector{tail: make([]byte, 0, 2*tailSize)}
	in.head = in.open(&window{want: headSize, then: in.headSeen})
	in.volume = in.open(&window{off: isoVolume, want: isoSector})
	return in
}

// Write takes the next piece of the image. It takes all of it and never fails.
func (in *Inspector) Write(p []byte) (int, error) {
	for i := 0; i < len(in.windows); i++ { // a window that fills may open others
		if w := in.windows[i]; w.take(in.pos, p) && w.then != nil {
			w.then(w.buf)
		}
	}
	in.windows = slices.DeleteFunc(in.windows, func(w *window) bool { return w.full() })
	if in.archive != nil {
		in.archive.write(p)
	}
	in.keepTail(p)
	in.pos += int64(len(p))
	return len(p), nil
}

// Result is what the image is. The image is over: nothing may be written after.
func (in *Inspector) Result() Result {
	if !in.head.full() {
		in.headSeen(in.head.buf)
	}
	r := Result{Size: in.pos}
	for _, find := range []func() *Found{in.findQcow2, in.findQED, in.findVDI, in.findVHD,
		in.findVHDX, in.findVMDK, in.findISO, in.findGPT, in.findLUKS, in.findPloop, in.findOVA} {
		if f := find(); f != nil {
			r.Found = append(r.Found, *f)
		}
	}
	return r
}

// headSeen opens the windows that the head asks for.
func (in *Inspector) headSeen(head block) {
	switch {
	case head.has(0, vmdkMagic):
		in.vmdk = in.open(vmdkDescriptor(head))
	case head.has(0, vhdxMagic):
		in.table = in.open(&window{off: vhdxTable, want: vhdxTableSize, then: in.vhdxTableSeen})
	case isText(head):
		in.text = in.open(&window{want: textSize, buf: slices.Clone(head)})
	}
}

func (in *Inspector) open(w *window) *window {
	in.windows = append(in.windows, w)
	return w
}

func (in *Inspector) keepTail(p []byte) {
	if len(p) >= tailSize {
		in.tail = append(in.tail[:0], p[len(p)-tailSize:]...)
		return
	}
	if len(in.tail)+len(p) > cap(in.tail) {
		n := copy(in.tail, in.tail[len(in.tail)-tailSize:])
		in.tail = in.tail[:n]
	}
	in.tail = append(in.tail, p...)
}

// last is the last n bytes of the image, nil if it has fewer.
func (in *Inspector) last(n int) block {
	if len(in.tail) < n {
		return nil
	}
	return in.tail[len(in.tail)-n:]
}
