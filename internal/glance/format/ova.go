package format

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// An OVA is a tar archive whose first file is an OVF descriptor. A header is
// 512 bytes: name (0), size in octal digits (124), checksum (148), kind (156),
// magic (257); the file follows, filled up to a multiple of 512. A block before
// it may give it a longer name or a larger size: by GNU the name alone, by pax
// records of both.
const (
	tarBlock = 512
	tarMagic = "ustar"

	maxMembers = 128 // files and descriptions of them; a virtual machine with all the disks it can have is half of it

	maxDescription = 64 << 10 // bytes
)

// archive walks through a tar archive as it passes and inspects each file in it.
type archive struct {
	header block      // of the next file, as far as it was seen
	left   int64      // bytes of the current file that did not pass yet
	pad    int64      // and of what fills it up
	inner  *Inspector // of the current file; nil between files and for descriptions of them
	over   bool       // the end was seen, or it is no OVA
	found  *Found

	members int

	about byte   // the kind of description that passes; 0: none
	text  block  // of it
	name  string // what descriptions say of the file that comes next; "" and 0: nothing
	size  int64
}

// write takes the next piece of the archive.
func (a *archive) write(p []byte) {
	for len(p) > 0 && !a.over {
		switch {
		case a.left > 0:
			n := min(a.left, int64(len(p)))
			if a.inner != nil {
				_, _ = a.inner.Write(p[:n])
			} else if a.about != 0 {
				a.text = append(a.text, p[:n]...)
			}
			p, a.left = p[n:], a.left-n
			if a.left == 0 {
				a.fileEnds()
			}
		case a.pad > 0:
			n := min(a.pad, int64(len(p)))
			p, a.pad = p[n:], a.pad-n
		default:
			n := min(tarBlock-len(a.header), len(p))
			a.header = append(a.header, p[:n]...)
			p = p[n:]
			if len(a.header) == tarBlock {
				a.fileBegins(a.header)
				a.header = a.header[:0]
			}
		}
	}
}

func (a *archive) fileBegins(h block) {
	if a.found != nil && h.zero(0, tarBlock) {
		a.over = true
		return
	}
	if a.members == maxMembers {
		a.found = cmp.Or(a.found, &Found{Format: "ova"})
		a.stop(fmt.Sprintf("The archive has more than %d entries", maxMembers))
		return
	}
	a.members++
	name, _, _ := strings.Cut(string(h[:100]), "\x00")
	size, ok := tarSize(h[124:136])
	kind := h.byte(156)
	described := strings.IndexByte("xgLK", kind) >= 0 // the block describes the file that comes next
	own := name                                       // which some go by for what a description does not say
	if !described {
		name, size = cmp.Or(a.name, name), cmp.Or(a.size, size)
		a.name, a.size = "", 0
	}
	if a.found == nil {
		if !h.has(257, tarMagic) || !checksumFits(h) || !described && !strings.HasSuffix(strings.ToLower(name), ".ovf") {
			a.over = true
			return
		}
		if !described {
			a.found = &Found{Format: "ova"}
		}
	}
	if !ok || described && size > maxDescription || !h.has(257, tarMagic) || !checksumFits(h) {
		a.stop("The archive is malformed")
		return
	}
	if a.found != nil && !described {
		a.found.refuse(kind != '0' && kind != 0, "archive", "The archive has links or devices in it")
		a.found.refuse(isPath(name) || isPath(own) || hasPrefix(h), "archive", "Invalid file names found")
	}
	a.left, a.pad = size, (tarBlock-size%tarBlock)%tarBlock
	switch a.about = 0; {
	case size == 0:
	case described:
		a.about, a.text = kind, nil
	default:
		a.inner = newInner()
	}
}

func isPath(name string) bool { return strings.ContainsAny(name, `/\`) || strings.Contains(name, "..") }

// hasPrefix reports whether a header names a directory of the file by itself.
// GNU has times in that place, and some take them for a directory.
func hasPrefix(h block) bool {
	if h.has(257, tarMagic+"\x00") {
		return h.byte(345) != 0
	}
	return isPath(string(h[345:500]))
}

// tarSize reads octal digits, or a large number as GNU writes it.
func tarSize(field block) (size int64, ok bool) {
	if field.has(0, "\x80\x00\x00\x00") {
		size = int64(field.be64(4))
		return size, size >= 0
	}
	size, err := strconv.ParseInt(strings.Trim(string(field), " \x00"), 8, 64)
	return size, err == nil && size >= 0
}

// describe takes over what a description says of the file that comes next, and
// reports whether those who unpack it can be followed: of two names or sizes
// some go by the first and others by the last.
func (a *archive) describe(kind byte, text string) bool {
	switch kind {
	case 'K': // the target of a link, which is refused anyway
		return true
	case 'L':
		known := a.name != ""
		a.name, _, _ = strings.Cut(text, "\x00")
		return !known
	}
	for text != "" { // records of a length, a blank, a key, "=", a value and the end of a line
		digits, _, _ := strings.Cut(text, " ")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || n <= uint64(len(digits)) || n > uint64(len(text)) || text[n-1] != '\n' {
			return false
		}
		key, value, _ := strings.Cut(text[len(digits)+1:max(int(n)-1, len(digits)+1)], "=")
		text = text[n:]
		switch {
		case key == "path":
			if a.name != "" || kind == 'g' {
				return false
			}
			a.name = value
		case key == "size":
			size, err := strconv.ParseUint(value, 10, 63)
			if err != nil || size == 0 || a.size != 0 || kind == 'g' {
				return false
			}
			a.size = int64(size)
		case strings.HasPrefix(key, "GNU.sparse."):
			return false
		}
	}
	return true
}

// fileEnds takes over what is wrong with the file that ends.
func (a *archive) fileEnds() {
	if kind := a.about; kind != 0 {
		a.about = 0
		if !a.describe(kind, string(a.text)) {
			a.stop("The archive is malformed")
		}
		return
	}
	if a.inner == nil || a.found == nil {
		return
	}
	for _, f := range a.inner.Result().Found {
		if f.Format == "gpt" {
			continue
		}
		for _, v := range f.Violations {
			a.found.refuse(true, "inner_"+v.Check, v.Reason)
		}
	}
	a.inner = nil
}

func (a *archive) stop(why string) {
	a.over = true
	if a.found != nil {
		a.found.refuse(true, "archive", why)
	}
}

// checksumFits reports whether the sum of a header's bytes, its own place taken
// as blanks, is what the header says.
func checksumFits(h block) bool {
	want, err := strconv.ParseInt(strings.Trim(string(h[148:156]), " \x00"), 8, 64)
	sum := int64(8 * ' ')
	for i, c := range h[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return err == nil && sum == want
}

func (in *Inspector) findOVA() *Found {
	if in.archive == nil || in.archive.found == nil {
		return nil
	}
	if a := in.archive; !a.over && (a.left > 0 || len(a.header) > 0) {
		a.stop("The archive is cut short")
	}
	return in.archive.found
}
