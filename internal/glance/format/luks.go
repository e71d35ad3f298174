package format

// The LUKS header, big-endian: magic, version (6), first sector of the data (104).
const luksMagic = "LUKS\xba\xbe"

func (in *Inspector) findLUKS() *Found {
	h := in.head.seen()
	if !h.has(0, luksMagic) {
		return nil
	}
	f := &Found{Format: "luks"}
	f.refuse(h.be16(6) != 1, "version", "Only LUKS version 1 is supported")
	f.VirtualSize = max(0, in.pos-512*int64(h.be32(104)))
	return f
}
