package format

import (
	"bytes"
	"slices"
	"strings"
)

// The header of a sparse VMDK extent, little-endian: magic, version (4),
// capacity in sectors (12), sector and sectors of the descriptor (28, 36),
// sector of the grain directory (56). The descriptor is text.
const (
	vmdkMagic         = "KDMV"
	vmdkMagic3        = "COWD"                             // the hosts' own sparse format, with no descriptor in it
	vmdkMagicSE       = "\xbe\xba\xfe\xca\x00\x00\x00\x00" // and the one after it
	vmdkAtEnd         = 1<<64 - 1
	vmdkDescriptorAt  = 512
	vmdkDescriptorMax = 1<<20 - 1
	vmdkFooterMark    = 3

	vmdkDescriptorLines = 4096 // a disk of one extent has a few dozen
)

// vmdkDescriptor is the window on the descriptor of a sparse extent. One that
// is elsewhere than right behind the header stays empty.
func vmdkDescriptor(head block) *window {
	size := sectors(head.le64(36))
	if head.le64(28) != 1 || size == 0 {
		return &window{}
	}
	w := &window{off: vmdkDescriptorAt, want: int(min(size, vmdkDescriptorMax))}
	if len(head) > vmdkDescriptorAt {
		w.buf = slices.Clone(head[vmdkDescriptorAt:min(len(head), vmdkDescriptorAt+w.want)])
	}
	return w
}

func (in *Inspector) findVMDK() *Found {
	h := in.head.seen()
	switch {
	case h.has(0, vmdkMagic):
		return in.sparseVMDK(h)
	case h.has(0, vmdkMagic3), h.has(0, vmdkMagicSE), isBareDescriptor(in.text.seen()):
		f := &Found{Format: "vmdk"}
		f.refuse(true, "descriptor", "Unsupported subformat")
		return f
	}
	return nil
}

func (in *Inspector) sparseVMDK(h block) *Found {
	f := &Found{Format: "vmdk"}
	version := h.le32(4)
	f.refuse(version < 1 || version > 3, "version", "Unsupported format version")
	d := in.vmdk.seen()
	f.refuse(len(d) == 0 || !in.vmdk.full(), "descriptor", "No descriptor found")
	f.checkDescriptor(d)
	f.refuse(h.le64(12) == 0, "descriptor", "Only the descriptor says what the disk is") // QEMU opens its extents then
	if h.le64(56) == vmdkAtEnd {
		f.checkFooter(h, in.last(tailSize))
	}
	return f.sized(sectors(h.le64(12)))
}

// checkDescriptor accepts only the lines it understands, of a disk that is
// this one file.
func (f *Found) checkDescriptor(d block) {
	if end := bytes.IndexByte(d, 0); end >= 0 {
		d = d[:end]
	}
	f.refuse(!isText(d), "descriptor", "The descriptor is not text")
	text := strings.ToLower(string(d))
	// Some take the first one they find, be it in a comment.
	f.refuse(strings.Count(text, "createtype") > 1, "descriptor", "More than one subformat")
	kind, extents, lines := "", 0, 0
	for line := range strings.Lines(text) {
		if lines++; lines > vmdkDescriptorLines {
			f.refuse(true, "descriptor", "The descriptor has too many lines")
			return
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "ddb") {
			continue
		}
		key, value, isField := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case isExtent(line):
			extents++
			f.refuse(strings.ContainsAny(line, `/\`), "descriptor", "Invalid extent filenames found")
			fields := strings.Fields(line)
			f.refuse(len(fields) < 3 || fields[2] != "sparse", "descriptor", "The extent is not sparse")
		case isField && !strings.Contains(key, " "):
			f.refuse(key == "parentfilenamehint" && value != "", "descriptor", "Image is a difference to a parent")
			if key == "createtype" {
				kind = value
			}
		default:
			f.refuse(true, "descriptor", "Invalid VMDK descriptor data")
		}
	}
	f.refuse(kind != "monolithicsparse" && kind != "streamoptimized", "descriptor", "Unsupported subformat")
	f.refuse(extents == 0, "descriptor", "No extents found")
	f.refuse(extents > 1, "descriptor", "More than one extent found")
}

func isExtent(line string) bool {
	access, _, _ := strings.Cut(line, " ")
	return access == "rw" || access == "rdonly" || access == "noaccess"
}

// checkFooter checks that the footer of a stream-optimized VMDK, which those
// who open it believe rather than the header, says what the header says.
func (f *Found) checkFooter(h, tail block) {
	footer := block(tail.at(512, 512))
	f.refuse(string(footer[:8]) != string(h.at(0, 8)), "footer", "Header and footer signature do not match")
	f.refuse(string(footer[28:44]) != string(h.at(28, 16)), "footer", "Footer specifies a different descriptor than header")
	f.refuse(footer.le64(12) != h.le64(12), "footer", "Header and footer capacity do not match")
	f.refuse(footer.le64(56) == vmdkAtEnd, "footer", "Footer indicates another footer")
	f.refuse(tail.le32(8) != 0 || tail.le32(12) != vmdkFooterMark || !tail.zero(16, 496), "footer", "Footer marker is invalid")
	f.refuse(len(tail) < tailSize || !tail.zero(1024, 512), "footer", "End-of-stream marker is invalid")
}

// isText reports whether b is printable ASCII; nothing at all is not text.
func isText(b block) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(b) > 0
}

// isBareDescriptor reports whether a text is what somebody may take for a VMDK
// descriptor, which names its extents by path: it has a createType, or its
// first line that is no comment is a version.
func isBareDescriptor(text block) bool {
	s := strings.ToLower(string(text))
	if strings.Contains(s, `createtype="`) || strings.HasPrefix(s, "# disk descriptorfile") {
		return true
	}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			return strings.HasPrefix(line, "version=")
		}
	}
	return false
}
