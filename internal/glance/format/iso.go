package format

// The first volume descriptor of ISO 9660 and UDF is in sector 16: its type
// (0), the standard's name (1), size in blocks (80), bytes of a block (128).
const (
	isoSector = 2048
	isoVolume = 16 * isoSector
)

func (in *Inspector) findISO() *Found {
	v := in.volume.seen()
	if len(v) < isoSector {
		return nil
	}
	switch string(v[1:6]) {
	case "CD001", "BEA01", "NSR02", "NSR03":
	default:
		return nil
	}
	f := &Found{Format: "iso"}
	if primary := v.byte(0) == 1; primary {
		f.sized(uint64(v.le32(80)) * uint64(v.le16(128)))
	}
	return f
}
