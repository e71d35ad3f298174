package format

// The VDI header, little-endian: signature (0x40), version (0x44), type of
// image (0x4c), virtual size (0x170).
const (
	vdiSignature = 0xbeda107f
	vdiVersion   = 0x00010001
	vdiDynamic   = 1
	vdiStatic    = 2
)

func (in *Inspector) findVDI() *Found {
	h := in.head.seen()
	if h.le32(0x40) != vdiSignature {
		return nil
	}
	f := &Found{Format: "vdi"}
	f.refuse(h.le32(0x44) != vdiVersion, "version", "Unsupported VDI version")
	kind := h.le32(0x4c)
	f.refuse(kind != vdiDynamic && kind != vdiStatic, "parent", "Image is a difference to a parent")
	return f.sized(h.le64(0x170))
}
