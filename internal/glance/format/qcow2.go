package format

// The qcow2 header, big-endian: magic, version (4), offset and length of the
// backing file's name (8, 16), virtual size (24), incompatible features (72).
const qcow2Magic = "QFI\xfb"

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
	return f.sized(h.be64(24))
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
