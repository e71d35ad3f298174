package format

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// A VHDX, little-endian, has a region table at 192 KiB ("regi", a count at 8,
// 32-byte entries from 16) that says where its metadata is. That begins with a
// table of its own ("metadata", a count at 10, 32-byte entries from 32) whose
// offsets are relative to it. Every region lies behind the first MiB.
const (
	vhdxMagic     = "vhdxfile"
	vhdxTable     = 192 << 10
	vhdxTableSize = 64 << 10
	vhdxEntries   = 2047
	vhdxRegions   = 1 << 20
)

var (
	vhdxMetadata    = guid("8B7CA206-4790-4B9A-B8FE-575F050F886E")
	vhdxVirtualSize = guid("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
	vhdxParent      = guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
)

// guid is the form of a GUID on disk: its first three parts little-endian.
func guid(text string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil {
		panic(err)
	}
	out := binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(raw[4:]))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(raw[6:]))
	return append(out, raw[8:]...)
}

// vhdxEntry is the entry of a region or metadata table that has that GUID.
func vhdxEntry(table block, first int, count uint32, id []byte) block {
	for i := range min(int(count), vhdxEntries) {
		if off := first + 32*i; bytes.Equal(table.at(off, 16), id) {
			return table.at(off, 32)
		}
	}
	return nil
}

func (in *Inspector) vhdxTableSeen(table block) {
	if !table.has(0, "regi") {
		return
	}
	e := vhdxEntry(table, 16, table.le32(8), vhdxMetadata)
	if off := e.le64(16); e != nil && off >= vhdxRegions && off < 1<<62 {
		in.meta = in.open(&window{off: int64(off), want: vhdxTableSize, then: in.vhdxMetaSeen})
	}
}

func (in *Inspector) vhdxMetaSeen(meta block) {
	if !meta.has(0, "metadata") {
		return
	}
	e := vhdxEntry(meta, 32, uint32(meta.le16(10)), vhdxVirtualSize)
	if off := e.le32(16); e != nil && off >= vhdxTableSize {
		in.size = in.open(&window{off: in.meta.off + int64(off), want: 8})
	}
}

func (in *Inspector) findVHDX() *Found {
	if !in.head.seen().has(0, vhdxMagic) {
		return nil
	}
	f := &Found{Format: "vhdx"}
	meta, size := in.meta.seen(), in.size.seen()
	f.refuse(len(size) < 8, "metadata", "The virtual size is not where it must be")
	parent := vhdxEntry(meta, 32, uint32(meta.le16(10)), vhdxParent)
	f.refuse(parent != nil, "parent", "Image is a difference to a parent")
	return f.sized(size.le64(0))
}
