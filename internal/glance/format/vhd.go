package format

// A VHD has a 512-byte footer, big-endian, and a dynamic one also a copy of it
// at its beginning: cookie (0), current size (48), disk type (60).
const (
	vhdCookie  = "conectix"
	vhdFooter  = 512
	vhdFixed   = 2
	vhdDynamic = 3
)

func (in *Inspector) findVHD() *Found {
	h := in.head.seen()
	if !h.has(0, vhdCookie) {
		h = in.last(vhdFooter)
		if !h.has(0, vhdCookie) || h.be32(60) != vhdFixed {
			return nil
		}
	}
	f := &Found{Format: "vhd"}
	kind := h.be32(60)
	f.refuse(kind != vhdFixed && kind != vhdDynamic, "parent", "Image is a difference to a parent")
	return f.sized(h.be64(48))
}
