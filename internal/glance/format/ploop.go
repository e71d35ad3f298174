package format

// The header of a ploop image, which Parallels has as well, little-endian:
// magic, version (16), sectors of a cluster (28), sectors of the disk (36).
const (
	ploopMagic    = "WithoutFreeSpace" // the older one has 32 bits for the sectors
	ploopMagicExt = "WithouFreSpacExt"
	ploopVersion  = 2
)

func (in *Inspector) findPloop() *Found {
	h := in.head.seen()
	if !h.has(0, ploopMagic) && !h.has(0, ploopMagicExt) {
		return nil
	}
	f := &Found{Format: "ploop"}
	f.refuse(h.le32(16) != ploopVersion, "version", "Unsupported ploop version")
	f.refuse(h.le32(28) == 0, "header", "Clusters without sectors")
	n := uint64(h.le32(36))
	if h.has(0, ploopMagicExt) {
		n = h.le64(36)
	}
	return f.sized(sectors(n))
}
