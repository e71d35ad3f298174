package configdrive

import (
	"bytes"
	"encoding/binary"
	"sort"
	"time"
	"unicode/utf16"
)

// sector is the unit of everything on the image, in bytes.
const sector = 2048

// The two directory trees over the same files.
const (
	plain  = 0 // ISO 9660 names with Rock Ridge records
	joliet = 1
)

// layout knows where everything lies.
type layout struct {
	root  *node
	at    time.Time
	dirs  [2][]*node // in path table order
	files []*node
	table [2]struct{ little, big, size uint32 } // path tables: sectors and bytes
	rock  uint32                                // sector of the Rock Ridge continuation area
	end   uint32                                // sectors in all
}

func newLayout(root *node, at time.Time) *layout {
	l := &layout{root: root, at: at, end: 19} // 16 empty sectors, three volume descriptors
	for tree := range l.dirs {
		l.dirs[tree] = l.walk(tree)
	}
	for tree := range l.dirs {
		size := uint32(len(l.pathTable(tree, binary.LittleEndian)))
		l.table[tree].size = size
		l.table[tree].little = l.take(size)
		l.table[tree].big = l.take(size)
	}
	l.rock = l.take(sector)
	for tree, dirs := range l.dirs {
		for _, d := range dirs {
			d.size[tree] = uint32(len(l.directory(d, tree)))
			d.extent[tree] = l.take(d.size[tree])
		}
	}
	for _, f := range l.files {
		size := uint32(len(f.data))
		at := l.take(size)
		f.extent, f.size = [2]uint32{at, at}, [2]uint32{size, size}
	}
	return l
}

// take reserves room for size bytes and returns its first sector.
func (l *layout) take(size uint32) uint32 {
	at := l.end
	l.end += (size + sector - 1) / sector
	return at
}

// walk sorts the children of each directory and numbers the directories, level by level.
func (l *layout) walk(tree int) []*node {
	dirs := []*node{l.root}
	for i := 0; i < len(dirs); i++ {
		d := dirs[i]
		d.number[tree] = uint16(i + 1)
		for _, c := range l.sorted(d, tree) {
			if c.dir {
				dirs = append(dirs, c)
			} else if tree == plain {
				l.files = append(l.files, c)
			}
		}
	}
	return dirs
}

func (l *layout) sorted(d *node, tree int) []*node {
	children := append([]*node(nil), d.children...)
	sort.Slice(children, func(i, j int) bool {
		return bytes.Compare(identifier(children[i], tree), identifier(children[j], tree)) < 0
	})
	return children
}

// image puts every part in its place.
func (l *layout) image() []byte {
	img := make([]byte, int(l.end)*sector)
	put := func(at uint32, b []byte) { copy(img[int(at)*sector:], b) }
	put(16, l.descriptor(plain))
	put(17, l.descriptor(joliet))
	put(18, []byte("\xffCD001\x01"))
	put(l.rock, rockRidgeID)
	for tree, dirs := range l.dirs {
		put(l.table[tree].little, l.pathTable(tree, binary.LittleEndian))
		put(l.table[tree].big, l.pathTable(tree, binary.BigEndian))
		for _, d := range dirs {
			put(d.extent[tree], l.directory(d, tree))
		}
	}
	for _, f := range l.files {
		put(f.extent[plain], f.data)
	}
	return img
}

// descriptor is the primary or the supplementary volume descriptor (ECMA-119 8.4, 8.5).
func (l *layout) descriptor(tree int) []byte {
	d := make([]byte, sector)
	copy(d, "\x01CD001\x01")
	text := func(at, size int, s string) { copy(d[at:at+size], pad(s, size, tree)) }
	for _, f := range [][2]int{{8, 32}, {190, 128}, {318, 128}, {446, 128}, {574, 128}, {702, 37}, {739, 37}, {776, 37}} {
		text(f[0], f[1], "")
	}
	text(40, 32, Label)
	if tree == joliet {
		d[0] = 2
		copy(d[88:], "%/E") // UCS-2 level 3
	}
	copy(d[80:], both32(l.end))
	copy(d[120:], both16(1))
	copy(d[124:], both16(1))
	copy(d[128:], both16(sector))
	copy(d[132:], both32(l.table[tree].size))
	binary.LittleEndian.PutUint32(d[140:], l.table[tree].little)
	binary.BigEndian.PutUint32(d[148:], l.table[tree].big)
	copy(d[156:], l.record(l.root, tree, []byte{0}, nil))
	for _, at := range []int{813, 830} { // creation, modification
		copy(d[at:], l.at.Format("20060102150405")+"00\x00")
	}
	for _, at := range []int{847, 864} { // expiration, effective: not given
		copy(d[at:], "0000000000000000\x00")
	}
	d[881] = 1
	return d
}

// pathTable lists the directories of a tree (ECMA-119 9.4).
func (l *layout) pathTable(tree int, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, d := range l.dirs[tree] {
		id := identifier(d, tree)
		b = append(b, byte(len(id)), 0)
		b = order.AppendUint32(b, d.extent[tree])
		b = order.AppendUint16(b, d.parent.number[tree])
		b = append(b, id...)
		if len(id)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

// directory is the content of a directory: itself, its parent, its children. No record crosses a sector.
func (l *layout) directory(d *node, tree int) []byte {
	var b []byte
	put := func(r []byte) {
		if room := sector - len(b)%sector; len(r) > room {
			b = append(b, make([]byte, room)...)
		}
		b = append(b, r...)
	}
	var self, up []byte
	if tree == plain {
		self, up = posix(d), posix(d.parent)
		if d == l.root {
			self = append(append([]byte("SP\x07\x01\xbe\xef\x00"), self...), l.continuation()...)
		}
	}
	put(l.record(d, tree, []byte{0}, self))
	put(l.record(d.parent, tree, []byte{1}, up))
	for _, c := range l.sorted(d, tree) {
		var use []byte
		if tree == plain {
			use = append(posix(c), alternateName(c.name)...)
		}
		put(l.record(c, tree, identifier(c, tree), use))
	}
	return append(b, make([]byte, (sector-len(b)%sector)%sector)...)
}

// record is one directory record (ECMA-119 9.1) with its system use area.
func (l *layout) record(n *node, tree int, id, use []byte) []byte {
	r := make([]byte, 33, 255)
	copy(r[2:], both32(n.extent[tree]))
	copy(r[10:], both32(n.size[tree]))
	copy(r[18:], []byte{byte(l.at.Year() - 1900), byte(l.at.Month()), byte(l.at.Day()),
		byte(l.at.Hour()), byte(l.at.Minute()), byte(l.at.Second()), 0})
	if n.dir {
		r[25] = 2
	}
	copy(r[28:], both16(1))
	r[32] = byte(len(id))
	r = append(r, id...)
	if len(id)%2 == 0 {
		r = append(r, 0)
	}
	r = append(r, use...)
	if len(r)%2 == 1 {
		r = append(r, 0)
	}
	r[0] = byte(len(r))
	return r
}

// identifier is a node's name in a tree; the root's is one zero byte.
func identifier(n *node, tree int) []byte {
	switch {
	case n.name == "":
		return []byte{0}
	case tree == plain:
		return []byte(n.isoName)
	default:
		return ucs2(n.name)
	}
}

func ucs2(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}

// pad fills a descriptor's text field with spaces.
func pad(s string, size, tree int) []byte {
	b, space := []byte(s), []byte{' '}
	if tree == joliet {
		b, space = ucs2(s), []byte{0, ' '}
	}
	for len(b)+len(space) <= size {
		b = append(b, space...)
	}
	return b
}

func both32(v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, v), v)
}

func both16(v uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, v), v)
}
