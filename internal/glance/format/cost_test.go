package format

import (
	"bytes"
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// maxCost is what looking at any image may take, in bytes of memory.
const maxCost = 64 << 20

// declarations are what images are declared to be when their cost is measured.
var declarations = append([]string{"ami", "aki", "nonsense"}, known...)

// judge asks everything that can be asked of a result.
func judge(r Result) {
	for _, declared := range declarations {
		_, _ = r.Verify(declared)
	}
	_, _ = r.Safe(), r.VerifyArchive()
}

// corpus are all images of these tests: dangerous ones, good ones, and what
// makes the most of a format's tables and texts.
func corpus() map[string][]byte {
	out := map[string][]byte{"vhdx": vhdx().b, "vhdx full of regions": fullVHDX().b, "text": bytes.Repeat([]byte("a = b\n"), textSize),
		"descriptor of extents":  descriptor("RW 1 SPARSE \"/x\"\n").b,
		"descriptor of fields":   descriptor("a=b\n").b,
		"descriptor of blanks":   descriptor(" \t\r").b,
		"descriptor of nonsense": descriptor("createtype\n").b,
		"descriptor of one line": descriptor("createType=").b}
	for name, tc := range hostile() {
		out[name] = tc.image.b
	}
	for i, m := range seeds() {
		out[fmt.Sprint("seed ", i)] = m.b
	}
	return out
}

// descriptor is a VMDK with the largest descriptor there can be, of one text.
func descriptor(text string) *image {
	return vmdk(strings.Repeat(text, vmdkDescriptorMax/len(text))).le64(36, vmdkDescriptorMax/512)
}

// fullVHDX has tables that are full of what nobody asks for.
func fullVHDX() *image {
	m := vhdx().le32(vhdxTable+8, vhdxEntries).le16(3<<20+10, vhdxEntries)
	for i := range vhdxEntries {
		m.put(vhdxTable+16+32*i, vhdxParent).put(3<<20+32+32*i, vhdxMetadata)
	}
	return m.put(vhdxTable+16+32*(vhdxEntries-1), vhdxMetadata).le64(vhdxTable+32*vhdxEntries, 3<<20)
}

// endless are images without an end: what they begin with, and what follows again and again.
func endless() map[string][2]*image {
	evil := vmdk(fmt.Sprintf(goodDescriptor, "monolithicFlat"))
	first := blank(0).member("x.ovf", '0', nil)
	return map[string][2]*image{
		"zeroes":             {blank(0), blank(64 << 10)},
		"text":               {blank(0), blank(0).text(0, strings.Repeat("createType\n", 6000))},
		"qcow2":              {qcow2(3), qcow2(3)},
		"vhdx":               {fullVHDX(), fullVHDX()},
		"vmdk":               {descriptor("a=b\n"), streamed()},
		"iso":                {iso(), blank(2048).put(0, []byte{1}).text(1, "CD001")},
		"gpt":                {gpt(), gpt()},
		"luks":               {luks(1), luks(1)},
		"archive of nothing": {first, blank(0).member("x", '0', nil)},
		"archive of bytes":   {first, blank(0).member("x", '0', []byte("x"))},
		"archive of disks":   {first, blank(0).member("x", '0', evil.b)},
		"archive of texts":   {first, blank(0).member("x", '0', bytes.Repeat([]byte("version=1\n"), 7000))},
		"archive of names":   {first, blank(0).member("././@LongLink", 'L', bytes.Repeat([]byte("x"), 60000))},
		"archive in archive": {first, blank(0).member("x.ova", '0', ova(evil).b)},
		"archive of links":   {first, blank(0).member("../x", '2', nil)},
		"archive of blanks":  {first, blank(0).member("x", '0', descriptor(" ").b)},
		"archive of lines":   {first, blank(0).member("x", '0', descriptor("#\n").b)},
		"archive of fields":  {first, blank(0).member("x", '0', descriptor("a=b\n").b)},
		"archive of words":   {blank(0), blank(0).member("x", 'x', nil)},
	}
}

// pour writes an endless image until size bytes have passed.
func pour(parts [2]*image, size int, each func()) *Inspector {
	again := bytes.Repeat(parts[1].b, (1<<20)/len(parts[1].b)+1)
	in := NewInspector()
	_, _ = in.Write(parts[0].b)
	for n := 0; n < size; n += len(again) {
		for rest := again; len(rest) > 0; rest = rest[min(len(rest), 64<<10):] {
			_, _ = in.Write(rest[:min(len(rest), 64<<10)])
		}
		each()
	}
	return in
}

func metric(name string) uint64 {
	m := []metrics.Sample{{Name: name}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

// TestCost: however an image is made, looking at it takes little memory: all
// that is allocated for one that ends, at any time what is there for one that does not.
func TestCost(t *testing.T) {
	largest := uint64(0)
	for name, b := range corpus() {
		for _, piece := range []int{len(b) + 1, 65536, 511} {
			before := metric("/gc/heap/allocs:bytes")
			_, r := inspect(b, piece)
			judge(r)
			used := metric("/gc/heap/allocs:bytes") - before
			largest = max(largest, used)
			if used > maxCost {
				t.Errorf("%s, in pieces of %d: %d bytes allocated", name, piece, used)
			}
		}
	}
	for name, parts := range endless() {
		before, most := metric("/memory/classes/heap/objects:bytes"), uint64(0)
		in := pour(parts, 32<<20, func() { most = max(most, metric("/memory/classes/heap/objects:bytes")) })
		judge(in.Result())
		if in.archive.members > maxMembers {
			t.Errorf("endless %s: %d files looked at", name, in.archive.members)
		}
		largest = max(largest, most-min(most, before))
		if most > before+maxCost {
			t.Errorf("endless %s: %d bytes", name, most-before)
		}
	}
	t.Logf("at most %d bytes", largest)
}

// cpu is the time that this process has had.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCost is the CPU time of the slowest image of the corpus, in the
// pieces in which an upload comes, and of the slowest endless one.
func BenchmarkCost(b *testing.B) {
	slowest := func(names func(yield func(name string, look func()) bool)) (most time.Duration, which string) {
		for name, look := range names {
			began := cpu()
			for range b.N {
				look()
			}
			if took := (cpu() - began) / time.Duration(b.N); took > most {
				most, which = took, name
			}
		}
		return most, which
	}
	ends, which := slowest(func(yield func(string, func()) bool) {
		for name, image := range corpus() {
			if !yield(name, func() { _, r := inspect(image, 64<<10); judge(r) }) {
				return
			}
		}
	})
	b.ReportMetric(float64(ends)/1e6, "slowest-cpu-ms")
	const size = 256 << 20 // so much that the largest files are as many as are looked at
	never, endless := slowest(func(yield func(string, func()) bool) {
		for name, parts := range endless() {
			if !yield(name, func() { judge(pour(parts, size, func() {}).Result()) }) {
				return
			}
		}
	})
	b.ReportMetric(never.Seconds(), "slowest-endless-cpu-s")
	b.Logf("the slowest: %s, and %s without an end", which, endless)
}
