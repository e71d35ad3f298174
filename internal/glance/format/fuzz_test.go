package format

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// maxHeld is what an Inspector may keep in memory, in bytes.
const maxHeld = 2 * (1<<20 + 256<<10)

func (in *Inspector) held() int {
	n := cap(in.tail)
	for _, w := range []*window{in.head, in.volume, in.vmdk, in.text, in.table, in.meta, in.size} {
		n += len(w.seen())
	}
	if in.archive != nil && in.archive.inner != nil {
		n += in.archive.inner.held()
	}
	return n
}

// seeds are what fuzzing begins with.
func seeds() []*image {
	return []*image{blank(10), qcow2(3), vdi(1), vhd(3), fixedVHD(), monolithic(), streamed(),
		iso(), mbr(), gpt(), luks(1), ploop(), kernel(), ova(monolithic()), ova(qcow2(3)), vmdk(fmt.Sprintf(goodDescriptor, "custom"))}
}

// FuzzInspector checks that no image makes the Inspector panic, keep too much
// or see something else when it comes in other pieces.
func FuzzInspector(f *testing.F) {
	for _, m := range seeds() {
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
		_ = whole.VerifyArchive()
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

// FuzzDescriptor checks that no descriptor passes that names another file than
// the image, however it is written.
func FuzzDescriptor(f *testing.F) {
	good := fmt.Sprintf(goodDescriptor, "monolithicSparse")
	for _, text := range []string{good, fmt.Sprintf(goodDescriptor, "streamOptimized"), fmt.Sprintf(goodDescriptor, "vmfs"),
		good + "RW 1 FLAT \"x\" 0\n", good + "parentFileNameHint=\"y\"\n", "# createType=\"twoGbMaxExtentFlat\"\n" + good, "RW\t1\tSPARSE\tx"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20*512 {
			return
		}
		_, r := inspect(vmdk(text).b, 4096)
		if _, err := r.Verify("vmdk"); err != nil {
			return
		}
		text, _, _ = strings.Cut(strings.ToLower(text), "\x00")
		extents := 0
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) > 0 && slices.Contains([]string{"rw", "rdonly", "noaccess"}, fields[0]) {
				extents++
			}
		}
		for _, kind := range []string{"flat", "twogb", "vmfs", "sesparse", "device", "raw"} {
			if strings.Contains(text, `createtype="`+kind) {
				t.Errorf("%s passes: %q", kind, text)
			}
		}
		if extents > 1 {
			t.Errorf("%d extents pass: %q", extents, text)
		}
	})
}

// FuzzArchive checks that a dangerous disk is found wherever it is in an archive.
func FuzzArchive(f *testing.F) {
	evil := qcow2(3).be64(8, 4096)
	f.Add("x.vmdk", []byte("first"), uint16(100))
	f.Add("y/../z", monolithic().b, uint16(4096))
	f.Add("", kernel().b, uint16(0))
	f.Fuzz(func(t *testing.T, name string, data []byte, piece uint16) {
		if len(name) > 100 {
			return
		}
		m := blank(0).member("x.ovf", '0', nil).member(name, '0', data).member("disk", '0', evil.b).endOfArchive()
		in, r := inspect(m.b, int(piece)+1)
		if in.held() > maxHeld {
			t.Fatalf("%d bytes kept", in.held())
		}
		if r.VerifyArchive() == nil {
			t.Fatal("an overlay passes")
		}
	})
}
