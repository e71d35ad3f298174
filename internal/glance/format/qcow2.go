package format

// The qcow2 header, big-endian: magic, version (4), offset and length of the
// backing file's name (8, 16), bits of a cluster (20), virtual size (24), method
// of encryption (32), entries and offset of the L1 table (36, 40), offset and
// clusters of the refcount table (48, 56), snapshots (60), incompatible features
// (72), bits of a refcount (96), length of the header (100).
const qcow2Magic = "QFI\xfb"

// What QEMU takes at most.
const (
	qcow2MaxL1        = 32 << 20 // bytes
	qcow2MaxRefcounts = 8 << 20  // bytes of the table
	qcow2MaxSnapshots = 65536
	qcow2MaxCrypt     = 2 // LUKS
)

// Incompatible feature bits of qcow2 version 3.
const (
	qcow2Dirty = 1 << iota
	qcow2Corrupt
	qcow2DataFile
	qcow2Compression
	qcow2ExtendedL2

	qcow2Known = qcow2Dirty | qcow2Corrupt | qcow2DataFile | qcow2Compression | qcow2ExtendedL2
)

func (in *Inspector) findQcow2() *Found {
	h := in.head.seen()
	if !h.has(0, qcow2Magic) {
		return nil
	}
	f := &Found{Format: "qcow2"}
	version, features := h.be32(4), h.be64(72)
	f.refuse(len(h) < 104 && version != 2 || len(h) < 72, "header", "The header is cut short")
	f.refuse(h.be64(8) != 0 || h.be32(16) != 0, "backing_file", "Image has a backing file")
	f.refuse(version != 2 && version != 3, "unknown_features", "Unsupported qcow2 version")
	if version >= 3 {
		f.refuse(features&qcow2DataFile != 0, "data_file", "Image has data_file set")
		f.refuse(features&^qcow2Known != 0, "unknown_features", "Unknown QCOW2 features found")
	}
	f.checkTables(h, version)
	return f.sized(h.be64(24))
}

// checkTables refuses tables that are larger than any QEMU reads, too small for
// the disk, or that lie in the header itself.
func (f *Found) checkTables(h block, version uint32) {
	bits, entry := h.be32(20), uint64(8)
	f.refuse(bits < 9 || bits > 21, "header", "Unsupported cluster size")
	bits = min(max(bits, 9), 21)
	if version >= 3 {
		length := h.be32(100)
		f.refuse(length < 104 || length > 1<<bits, "header", "Invalid header length")
		f.refuse(h.be32(96) > 6, "header", "Unsupported refcount size")
		if h.be64(72)&qcow2ExtendedL2 != 0 {
			entry = 16
		}
	}
	f.refuse(h.be32(32) > qcow2MaxCrypt, "header", "Unsupported encryption")
	f.refuse(h.be32(60) > qcow2MaxSnapshots, "header", "Too many snapshots")
	l1, covers := uint64(h.be32(36)), uint64(1)<<bits/entry<<bits // entries; bytes of the disk below one
	f.refuse(l1*8 > qcow2MaxL1, "header", "The L1 table is too large")
	f.refuse(h.be64(24) > l1*covers, "header", "The L1 table is too small")
	f.refuse(uint64(h.be32(56))<<bits > qcow2MaxRefcounts, "header", "The refcount table is too large")
	for _, at := range []struct {
		off  uint64
		used bool
	}{{h.be64(40), l1 > 0}, {h.be64(48), h.be32(56) > 0}} {
		f.refuse(at.used && (at.off < 1<<bits || at.off&(1<<bits-1) != 0 || at.off > 1<<56), "header", "A table is where it cannot be")
	}
}

// findQED knows the dead format QED only to refuse it.
func (in *Inspector) findQED() *Found {
	if !in.head.seen().has(0, "QED\x00") {
		return nil
	}
	f := &Found{Format: "qed"}
	f.refuse(true, "banned", "This file format is not allowed")
	return f
}
