package format

import (
	"fmt"
	"reflect"
	"testing"
)

// maxHeld is what an Inspector may keep in memory, in bytes.
const maxHeld = 1<<20 + 256<<10

func (in *Inspector) held() int {
	n := cap(in.tail)
	for _, w := range []*window{in.head, in.volume, in.vmdk, in.text, in.table, in.meta, in.size} {
		n += len(w.seen())
	}
	return n
}

// FuzzInspector checks that no image makes the Inspector panic, keep too much
// or see something else when it comes in other pieces.
func FuzzInspector(f *testing.F) {
	for _, m := range []*image{blank(10), qcow2(3), vdi(1), vhd(3), fixedVHD(), monolithic(), streamed(),
		iso(), mbr(), gpt(), luks(1), vmdk(fmt.Sprintf(goodDescriptor, "custom"))} {
		f.Add(m.b, uint16(77))
	}
	f.Add(vhdx().b[:vhdxTable+256], uint16(4096))
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		in, whole := inspect(b, len(b)+1)
		if in.held() > maxHeld {
			t.Fatalf("%d bytes kept", in.held())
		}
		_, parts := inspect(b, int(piece)+1)
		if !reflect.DeepEqual(whole, parts) {
			t.Fatalf("whole: %+v\nin pieces of %d: %+v", whole, piece+1, parts)
		}
		for _, declared := range known {
			_, _ = whole.Verify(declared)
		}
	})
}

// BenchmarkInspector is the cost of looking at an image, by its first MiB.
func BenchmarkInspector(b *testing.B) {
	piece := qcow2(3).put(1<<20-1, []byte{0}).b
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		inspect(piece, 256<<10)
	}
}
