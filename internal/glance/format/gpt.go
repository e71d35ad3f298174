package format

import "fmt"

// A disk with an MBR, which a GPT disk has as well, ends its first sector with
// 0x55 0xaa and has four 16-byte partition entries at 446: boot flag (0), CHS
// of the start (1), type (4), LBA of the start (8).
const (
	mbrSignature  = 0xaa55
	mbrPartitions = 446
	mbrGPT        = 0xee // the type of the partition that protects a GPT
)

func (in *Inspector) findGPT() *Found {
	h := in.head.seen()
	if h.le16(510) != mbrSignature || isFAT(h) {
		return nil
	}
	f := &Found{Format: "gpt", VirtualSize: in.pos}
	f.checkPartitions(h)
	return f
}

// isFAT tells the boot sector of a FAT file system from one with partitions:
// it has two FATs and its medium is a fixed disk.
func isFAT(h block) bool { return h.byte(0x10) == 2 && h.byte(0x15) == 0xf8 }

func (f *Found) checkPartitions(h block) {
	used, gpt := 0, -1
	for i := range 4 {
		p := block(h.at(mbrPartitions+16*i, 16))
		boot, kind := p.byte(0), p.byte(4)
		f.refuse(boot != 0 && boot != 0x80, "mbr", fmt.Sprintf("MBR PTE %d has invalid boot flag", i))
		if kind != 0 {
			used++
		}
		if kind != mbrGPT {
			continue
		}
		gpt = i
		f.refuse(string(p[1:4]) != "\x00\x02\x00", "mbr", "GPT MBR has invalid start CHS")
		f.refuse(p.le32(8) != 1, "mbr", "GPT MBR has invalid start LBA")
	}
	f.refuse(gpt >= 0 && (gpt != 0 || used != 1), "mbr", "GPT MBR defines invalid extra partitions")
	f.refuse(used == 0, "mbr", "GPT MBR has no partitions defined")
}
