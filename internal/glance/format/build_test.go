package format

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// image is a file under construction: writes beyond its end grow it.
type image struct{ b []byte }

func blank(size int) *image { return &image{make([]byte, size)} }

func (m *image) put(off int, p []byte) *image {
	if n := off + len(p); n > len(m.b) {
		m.b = append(m.b, make([]byte, n-len(m.b))...)
	}
	copy(m.b[off:], p)
	return m
}

func (m *image) text(off int, s string) *image { return m.put(off, []byte(s)) }
func (m *image) be32(off int, v uint32) *image {
	return m.put(off, binary.BigEndian.AppendUint32(nil, v))
}
func (m *image) be64(off int, v uint64) *image {
	return m.put(off, binary.BigEndian.AppendUint64(nil, v))
}
func (m *image) le16(off int, v uint16) *image {
	return m.put(off, binary.LittleEndian.AppendUint16(nil, v))
}
func (m *image) le32(off int, v uint32) *image {
	return m.put(off, binary.LittleEndian.AppendUint32(nil, v))
}
func (m *image) le64(off int, v uint64) *image {
	return m.put(off, binary.LittleEndian.AppendUint64(nil, v))
}

const gig = 1 << 30

func qcow2(version uint32) *image {
	m := blank(64<<10).text(0, qcow2Magic).be32(4, version).be32(20, 16).be64(24, gig).be32(100, 104)
	return m.be32(36, 2).be64(40, 3<<16).be64(48, 1<<16).be32(56, 1)
}

func vdi(kind uint32) *image {
	return blank(4096).le32(0x40, vdiSignature).le32(0x44, vdiVersion).le32(0x4c, kind).le64(0x170, gig)
}

func vhd(kind uint32) *image {
	return blank(4096).text(0, vhdCookie).be64(40, gig).be64(48, gig).be32(60, kind)
}

func fixedVHD() *image {
	const data = 8192
	return blank(data).text(data, vhdCookie).be64(data+48, data).be32(data+60, vhdFixed).put(data+511, []byte{0})
}

func vhdx() *image {
	const meta = 3 << 20
	m := blank(meta+(1<<20)).text(0, vhdxMagic).text(vhdxTable, "regi").le32(vhdxTable+8, 1)
	m.put(vhdxTable+16, vhdxMetadata).le64(vhdxTable+32, meta)
	m.text(meta, "metadata").le16(meta+10, 1).put(meta+32, vhdxVirtualSize).le32(meta+48, 64<<10)
	return m.le64(meta+(64<<10), gig)
}

func vhdxWithParent() *image {
	const meta = 3 << 20
	return vhdx().le16(meta+10, 2).put(meta+64, vhdxParent)
}

const goodDescriptor = `# Disk DescriptorFile
version=1
CID=deadbeef
parentCID=ffffffff
createType="%s"

# Extent description
RW 2097152 SPARSE "disk.vmdk"

# The Disk Data Base
#DDB
ddb.virtualHWVersion = "4"
`

func vmdk(descriptor string) *image {
	return blank(64<<10).text(0, vmdkMagic).le32(4, 1).le64(12, gig/512).le64(28, 1).le64(36, 20).
		le64(56, 21).text(512, descriptor)
}

func monolithic() *image { return vmdk(fmt.Sprintf(goodDescriptor, "monolithicSparse")) }

// streamed is a VMDK that ends with marker, footer and end-of-stream marker.
func streamed() *image {
	m := vmdk(fmt.Sprintf(goodDescriptor, "streamOptimized")).le32(4, 3)
	header := strings.Clone(string(m.b[:512]))
	m.le64(56, vmdkAtEnd)
	end := len(m.b)
	return m.le32(end+8, 0).le32(end+12, vmdkFooterMark).text(end+512, header).put(end+1024, make([]byte, 512))
}

func iso() *image {
	return blank(64<<10).put(isoVolume, []byte{1}).text(isoVolume+1, "CD001").
		le32(isoVolume+80, 350).le16(isoVolume+128, 2048)
}

func mbr() *image {
	return blank(8192).put(mbrPartitions, []byte{0x80, 1, 1, 0, 0x83}).le16(510, mbrSignature)
}

func gpt() *image {
	return blank(8192).put(mbrPartitions, []byte{0, 0, 2, 0, mbrGPT}).le32(mbrPartitions+8, 1).le16(510, mbrSignature)
}

func luks(version byte) *image {
	return blank(8192).text(0, luksMagic).put(7, []byte{version}).be32(104, 8)
}

func ploop() *image {
	return blank(4096).text(0, ploopMagicExt).le32(16, ploopVersion).le32(28, 2048).le64(36, gig/512)
}

// member adds a file to a tar archive.
func (m *image) member(name string, kind byte, data []byte) *image {
	h := blank(tarBlock).text(0, name).text(100, "0000644").text(124, fmt.Sprintf("%011o", len(data))).
		put(156, []byte{kind}).text(257, tarMagic+"\x0000")
	seal(h.b)
	m.put(len(m.b), h.b).put(len(m.b), data)
	return m.put(len(m.b), make([]byte, (tarBlock-len(data)%tarBlock)%tarBlock))
}

// seal gives a header of an archive its checksum.
func seal(h []byte) {
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
}

func (m *image) endOfArchive() *image { return m.put(len(m.b), make([]byte, 2*tarBlock)) }

// ova is an archive of a descriptor and a disk.
func ova(disk *image) *image {
	return blank(0).member("x.ovf", '0', []byte("<Envelope/>")).member("x.vmdk", '0', disk.b).endOfArchive()
}
