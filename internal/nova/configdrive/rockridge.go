package configdrive

// rockRidgeID is the ER record that announces Rock Ridge (SUSP 5.5). It lies in the continuation area of the root.
var rockRidgeID = func() []byte {
	id, text, source := "RRIP_1991A", "ROCK RIDGE INTERCHANGE PROTOCOL", "IEEE P1282"
	b := []byte{'E', 'R', 0, 1, byte(len(id)), byte(len(text)), byte(len(source)), 1}
	b = append(b, id+text+source...)
	b[2] = byte(len(b))
	return b
}()

// continuation is the CE record that points to rockRidgeID.
func (l *layout) continuation() []byte {
	b := append([]byte("CE\x1c\x01"), both32(l.rock)...)
	b = append(b, both32(0)...)
	return append(b, both32(uint32(len(rockRidgeID)))...)
}

// posix is the PX record: mode, links, owner and group. Everybody may read, nobody write.
func posix(n *node) []byte {
	mode, links := uint32(0o100444), uint32(1)
	if n.dir {
		mode, links = 0o040555, 2
		for _, c := range n.children {
			if c.dir {
				links++
			}
		}
	}
	b := []byte("PX\x24\x01")
	for _, v := range []uint32{mode, links, 0, 0} {
		b = append(b, both32(v)...)
	}
	return b
}

// alternateName is the NM record: the name as it was given.
func alternateName(name string) []byte {
	return append([]byte{'N', 'M', byte(5 + len(name)), 1, 0}, name...)
}
