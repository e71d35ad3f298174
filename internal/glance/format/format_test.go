package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inspect writes the image in pieces of that many bytes.
func inspect(b []byte, piece int) (*Inspector, Result) {
	in := NewInspector()
	for len(b) > 0 {
		n := min(piece, len(b))
		_, _ = in.Write(b[:n])
		b = b[n:]
	}
	return in, in.Result()
}

func TestVerifyTakes(t *testing.T) {
	for name, tc := range map[string]struct {
		image    *image
		declared string
		size     int64
	}{
		"raw":                   {blank(5000), "raw", 5000},
		"empty":                 {blank(0), "raw", 0},
		"qcow2 v2":              {qcow2(2), "qcow2", gig},
		"qcow2 v3":              {qcow2(3), "qcow2", gig},
		"qcow2 zstd and L2":     {qcow2(3).be64(72, qcow2Compression|qcow2ExtendedL2).be32(36, 4), "qcow2", gig},
		"qcow2 as raw":          {qcow2(3), "raw", 64 << 10},
		"vdi":                   {vdi(vdiDynamic), "vdi", gig},
		"vhd":                   {vhd(vhdDynamic), "vhd", gig},
		"vhd of fixed size":     {fixedVHD(), "vhd", 8192},
		"vhdx":                  {vhdx(), "vhdx", gig},
		"vmdk monolithicSparse": {monolithic(), "vmdk", gig},
		"vmdk streamOptimized":  {streamed(), "vmdk", gig},
		"iso":                   {iso(), "iso", 350 * 2048},
		"iso that boots":        {iso().put(mbrPartitions, []byte{0, 0, 2, 0, mbrGPT}).le32(mbrPartitions+8, 1).le16(510, mbrSignature), "iso", 350 * 2048},
		"mbr as raw":            {mbr(), "raw", 8192},
		"gpt as raw":            {gpt(), "raw", 8192},
		"fat as raw":            {blank(4096).put(0x10, []byte{2}).put(0x15, []byte{0xf8}).le16(510, mbrSignature), "raw", 4096},
		"luks as raw":           {luks(1), "raw", 8192},
		"udf":                   {blank(64<<10).put(isoVolume, []byte{0}).text(isoVolume+1, "BEA01"), "iso", 0},
		"ploop":                 {ploop(), "ploop", gig},
		"ploop of old":          {ploop().text(0, ploopMagic), "ploop", gig},
		"ami with partitions":   {gpt(), "ami", 0},
		"kernel":                {kernel(), "aki", 0},
		"archive as raw":        {ova(monolithic()), "raw", 68096},
		"tar that is no ova":    {blank(0).member("etc/passwd", '2', nil).endOfArchive(), "raw", 1536},
		"ami":                   {blank(600), "ami", 0},
		"text as raw":           {blank(0).text(0, "#!/bin/sh\necho hello\n"), "raw", 21},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1 << 30, 65536, 4096, 511, 7} {
				_, r := inspect(tc.image.b, piece)
				size, err := r.Verify(tc.declared)
				if err != nil || size != tc.size {
					t.Fatalf("in pieces of %d: got %d, %v, want %d", piece, size, err, tc.size)
				}
			}
		})
	}
}

// dangerous is an image that must be refused, by which check.
type dangerous struct {
	image    *image
	declared string
	check    string
}

func hostile() map[string]dangerous {
	good := fmt.Sprintf(goodDescriptor, "monolithicSparse")
	return map[string]dangerous{
		"qcow2 backing file":         {qcow2(3).be64(8, 4096).be32(16, 11), "qcow2", "backing_file"},
		"qcow2 backing file as raw":  {qcow2(2).be64(8, 4096).be32(16, 11), "raw", "backing_file"},
		"qcow2 data file":            {qcow2(3).be64(72, qcow2DataFile), "qcow2", "data_file"},
		"qcow2 unknown feature":      {qcow2(3).be64(72, 1<<5), "qcow2", "unknown_features"},
		"qcow2 feature of the top":   {qcow2(3).be64(72, 1<<63), "qcow2", "unknown_features"},
		"qcow v1":                    {qcow2(1), "qcow2", "unknown_features"},
		"qcow2 cut short":            {&image{qcow2(3).b[:80]}, "raw", "header"},
		"qcow2 size":                 {qcow2(3).be64(24, 1<<63), "qcow2", "size"},
		"qcow2 huge L1":              {qcow2(3).be32(36, 1<<31), "qcow2", "header"},
		"qcow2 small L1":             {qcow2(3).be32(36, 1), "qcow2", "header"},
		"qcow2 L1 in the header":     {qcow2(3).be64(40, 0), "qcow2", "header"},
		"qcow2 L1 between clusters":  {qcow2(3).be64(40, 3<<16+512), "qcow2", "header"},
		"qcow2 refcounts in header":  {qcow2(3).be64(48, 0), "qcow2", "header"},
		"qcow2 huge refcounts":       {qcow2(3).be32(56, 1<<20), "qcow2", "header"},
		"qcow2 clusters":             {qcow2(3).be32(20, 30), "qcow2", "header"},
		"qcow2 encryption":           {qcow2(3).be32(32, 3), "qcow2", "header"},
		"qcow2 snapshots":            {qcow2(3).be32(60, 1<<20), "qcow2", "header"},
		"qcow2 header length":        {qcow2(3).be32(100, 1<<20), "qcow2", "header"},
		"qcow2 refcount bits":        {qcow2(3).be32(96, 7), "qcow2", "header"},
		"ploop version":              {ploop().le32(16, 3), "ploop", "version"},
		"ploop size":                 {ploop().le64(36, 1<<60), "ploop", "size"},
		"qed":                        {blank(4096).text(0, "QED\x00"), "raw", "banned"},
		"vdi difference":             {vdi(4), "vdi", "parent"},
		"vhd difference":             {vhd(4), "vhd", "parent"},
		"vhdx difference":            {vhdxWithParent(), "vhdx", "parent"},
		"vhdx without metadata":      {&image{vhdx().b[:1<<20]}, "vhdx", "metadata"},
		"vhdx metadata before table": {vhdx().le64(vhdxTable+32, 0), "vhdx", "metadata"},
		"vmdk flat":                  {vmdk(strings.Replace(good, "SPARSE \"disk", "FLAT \"/etc/passwd\" 0 # ", 1)), "vmdk", "descriptor"},
		"vmdk subformat":             {vmdk(fmt.Sprintf(goodDescriptor, "monolithicFlat")), "vmdk", "descriptor"},
		"vmdk absolute path":         {vmdk(strings.Replace(good, "disk.vmdk", "/etc/passwd", 1)), "vmdk", "descriptor"},
		"vmdk two extents":           {vmdk(good + "RW 20 SPARSE \"other.vmdk\"\n"), "vmdk", "descriptor"},
		"vmdk no extents":            {vmdk(strings.Replace(good, "RW 2097152", "# RW", 1)), "vmdk", "descriptor"},
		"vmdk parent":                {vmdk(good + "parentFileNameHint=\"base.vmdk\"\n"), "vmdk", "descriptor"},
		"vmdk two subformats":        {vmdk(strings.Replace(good, "createType", "createType=\"monolithicFlat\"\ncreateType", 1)), "vmdk", "descriptor"},
		"vmdk subformat in comment":  {vmdk("# createType=\"monolithicFlat\"\n" + good), "vmdk", "descriptor"},
		"vmdk sibling file":          {vmdk(strings.Replace(good, "SPARSE", "FLAT", 1)), "vmdk", "descriptor"},
		"vmdk by descriptor alone":   {monolithic().le64(12, 0), "vmdk", "descriptor"},
		"vmdk seSparse":              {blank(4096).text(0, vmdkMagicSE), "vmdk", "descriptor"},
		"vmdk many lines":            {vmdk(strings.Repeat("\n", 4096) + good), "vmdk", "descriptor"},
		"vmdk strange line":          {vmdk(good + "something else\n"), "vmdk", "descriptor"},
		"vmdk descriptor elsewhere":  {monolithic().le64(28, 2), "vmdk", "descriptor"},
		"vmdk no descriptor":         {monolithic().le64(36, 0), "vmdk", "descriptor"},
		"vmdk descriptor cut short":  {&image{monolithic().b[:800]}, "vmdk", "descriptor"},
		"vmdk version":               {monolithic().le32(4, 9), "vmdk", "version"},
		"vmdk capacity":              {monolithic().le64(12, 1<<60), "vmdk", "size"},
		"vmdk bare descriptor":       {blank(0).text(0, strings.Replace(good, "SPARSE", "FLAT", 1)), "raw", "descriptor"},
		"vmdk descriptor by version": {blank(0).text(0, "# x\n\nversion=1\nRW 1 FLAT \"/etc/passwd\" 0\n"), "raw", "descriptor"},
		"vmdk esx sparse":            {blank(4096).text(0, vmdkMagic3), "raw", "descriptor"},
		"vmdk footer elsewhere":      {streamed().le64(64<<10+512+28, 7), "vmdk", "footer"},
		"vmdk footer cut":            {&image{streamed().b[:64<<10]}, "vmdk", "footer"},
		"vmdk footer signature":      {streamed().text(64<<10+512, "XXXX"), "vmdk", "footer"},
		"vmdk footer again":          {streamed().le64(64<<10+512+56, vmdkAtEnd), "vmdk", "footer"},
		"mbr boot flag":              {mbr().put(mbrPartitions, []byte{0x7f}), "raw", "mbr"},
		"mbr without partitions":     {mbr().put(mbrPartitions+4, []byte{0}), "raw", "mbr"},
		"gpt with another partition": {gpt().put(mbrPartitions+20, []byte{0x83}), "raw", "mbr"},
		"gpt start":                  {gpt().le32(mbrPartitions+8, 2), "raw", "mbr"},
		"luks 2":                     {luks(2), "raw", "version"},
	}
}

func TestVerifyRefusesWhatIsDangerous(t *testing.T) {
	for name, tc := range hostile() {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1 << 30, 4096, 13} {
				_, r := inspect(tc.image.b, piece)
				_, err := r.Verify(tc.declared)
				var unsafe *Unsafe
				if !errors.As(err, &unsafe) || !strings.Contains(unsafe.Error(), tc.check+":") {
					t.Fatalf("in pieces of %d: got %v, want %s", piece, err, tc.check)
				}
			}
		})
	}
}

func TestVerifyRefusesLies(t *testing.T) {
	for name, tc := range map[string]struct {
		image    *image
		declared string
		want     string
	}{
		"raw as qcow2":     {blank(5000), "qcow2", "Image disk_format qcow2 does not match stream data raw"},
		"vmdk as qcow2":    {monolithic(), "qcow2", "Image disk_format qcow2 does not match stream data vmdk"},
		"gpt as ari":       {gpt(), "ari", "Image disk_format ari does not match stream data gpt"},
		"two in one":       {iso().text(0, qcow2Magic).be32(4, 3), "iso", "Multiple formats detected: iso,qcow2"},
		"two in one raw":   {vdi(1).text(0, vhdCookie), "raw", "Multiple formats detected: vdi,vhd"},
		"qcow2 with gpt":   {qcow2(3).put(mbrPartitions, []byte{0, 0, 2, 0, mbrGPT}).le32(mbrPartitions+8, 1).le16(510, mbrSignature), "raw", "Multiple formats detected: gpt,qcow2"},
		"iso with footer":  {iso().text(len(iso().b)-512, vhdCookie).be32(len(iso().b)-452, vhdFixed), "iso", "Multiple formats detected: iso,vhd"},
		"ploop as raw ami": {ploop(), "ami", "Image disk_format ami does not match stream data ploop"},
		"qcow2 as kernel":  {qcow2(3), "aki", "Image disk_format aki does not match stream data qcow2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := inspect(tc.image.b, 4096)
			_, err := r.Verify(tc.declared)
			var lie *Mismatch
			if !errors.As(err, &lie) || lie.Error() != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestSafe(t *testing.T) {
	_, kernel := inspect(blank(8192).text(0, "MZ").le16(510, mbrSignature).b, 4096)
	if err := kernel.Safe(); err != nil {
		t.Errorf("a kernel: %v", err)
	}
	_, overlay := inspect(qcow2(3).be64(8, 4096).b, 4096)
	if err := overlay.Safe(); err == nil {
		t.Error("an overlay is taken for safe")
	}
}

// TestRealImages asks of files that qemu-img made.
func TestRealImages(t *testing.T) {
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Fatal("qemu-img is not installed: it is in Debian's qemu-utils")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("qemu-img %v: %v\n%s", args, err, out)
		}
	}
	base := filepath.Join(dir, "base.raw")
	run("create", "-f", "raw", base, "8M")
	for name, tc := range map[string]struct {
		declared, driver, options string
		refused                   bool
	}{
		"qcow2 small clusters":      {"qcow2", "qcow2", "cluster_size=512", false},
		"qcow2 large clusters":      {"qcow2", "qcow2", "cluster_size=2M,refcount_bits=64", false},
		"vdi static":                {"vdi", "vdi", "static=on", false},
		"vhdx fixed":                {"vhdx", "vhdx", "subformat=fixed", false},
		"ploop":                     {"ploop", "parallels", "", false},
		"vmdk monolithicFlat":       {"vmdk", "vmdk", "subformat=monolithicFlat", true},
		"vmdk twoGbMaxExtentSparse": {"vmdk", "vmdk", "subformat=twoGbMaxExtentSparse", true},
		"vmdk twoGbMaxExtentFlat":   {"vmdk", "vmdk", "subformat=twoGbMaxExtentFlat", true},
		"qed":                       {"raw", "qed", "", true},
		"qcow2 v2":                  {"qcow2", "qcow2", "compat=0.10", false},
		"qcow2 v3":                  {"qcow2", "qcow2", "compat=1.1", false},
		"qcow2 zstd":                {"qcow2", "qcow2", "compression_type=zstd", false},
		"qcow2 extended L2":         {"qcow2", "qcow2", "extended_l2=on", false},
		"qcow2 data file":           {"qcow2", "qcow2", "data_file=" + filepath.Join(dir, "data"), true},
		"vdi":                       {"vdi", "vdi", "", false},
		"vhd dynamic":               {"vhd", "vpc", "force_size=on", false},
		"vhd fixed":                 {"vhd", "vpc", "subformat=fixed,force_size=on", false},
		"vhdx":                      {"vhdx", "vhdx", "", false},
		"vmdk":                      {"vmdk", "vmdk", "subformat=monolithicSparse", false},
		"vmdk streamOptimized":      {"vmdk", "vmdk", "subformat=streamOptimized", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "image")
			args := []string{"convert", "-f", "raw", "-O", tc.driver}
			if tc.options != "" {
				args = append(args, "-o", tc.options)
			}
			run(append(args, base, file)...)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, r := inspect(b, 65536)
			size, err := r.Verify(tc.declared)
			if tc.refused != (err != nil) || err == nil && size != 8<<20 {
				t.Errorf("got %d, %v", size, err)
			}
		})
	}
}

// TestRealLUKS: an encrypted disk is as large as what it decrypts to.
func TestRealLUKS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "luks")
	out, err := exec.Command("qemu-img", "create", "-f", "luks", "--object", "secret,id=s,data=x", "-o", "key-secret=s,iter-time=10", file, "8M").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, r := inspect(b, 65536)
	if len(r.Found) != 1 || r.Found[0].Format != "luks" || r.Found[0].safe() != nil || r.Found[0].VirtualSize != 8<<20 {
		t.Errorf("got %+v of %d bytes", r, len(b))
	}
}

func TestBacking(t *testing.T) {
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Fatal("qemu-img is not installed: it is in Debian's qemu-utils")
	}
	file := filepath.Join(t.TempDir(), "overlay")
	if out, err := exec.Command(tool, "create", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", file, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, r := inspect(b, 65536)
	for _, declared := range []string{"raw", "qcow2"} {
		if _, err := r.Verify(declared); err == nil {
			t.Errorf("an overlay passes as %s", declared)
		}
	}
}

// kernel is what a Linux kernel for x86 begins with.
func kernel() *image {
	return blank(8192).text(0, "MZ").le16(510, mbrSignature).text(514, "HdrS")
}

// crowded is an archive of a virtual machine with so many files more.
func crowded(more int) *image {
	m := blank(0).member("x.ovf", '0', nil).member("x.vmdk", '0', monolithic().b)
	return m.put(len(m.b), bytes.Repeat(blank(0).member("x", '0', []byte("x")).b, more)).endOfArchive()
}

// described is an archive with a disk that a block before it describes.
func described(kind byte, text, name string, disk *image) *image {
	m := blank(0).member("x.ovf", '0', nil).member("././@Description", kind, []byte(text))
	m.member(name, '0', disk.b).endOfArchive()
	return m
}

// resize has the header of described's disk say another size.
func (m *image) resize(size string) *image {
	h := m.b[3*tarBlock : 4*tarBlock]
	copy(h[124:136], size)
	seal(h)
	return m
}

// prefixed is an archive with a disk whose header names a directory by itself.
func prefixed(directory string) *image {
	m := blank(0).member("x.ovf", '0', nil).member("x.vmdk", '0', monolithic().b).endOfArchive()
	h := m.b[tarBlock : 2*tarBlock]
	copy(h[345:], directory)
	seal(h)
	return m
}

// pax is a record of a description.
func pax(key, value string) string {
	n := len(key) + len(value) + 3
	for n != len(key)+len(value)+3+len(fmt.Sprint(n)) {
		n++
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

func TestVerifyArchive(t *testing.T) {
	evil := vmdk(strings.Replace(fmt.Sprintf(goodDescriptor, "monolithicSparse"), "disk.vmdk", "/etc/passwd", 1))
	good := ova(monolithic())
	for name, tc := range map[string]struct {
		image *image
		want  string
	}{
		"good":                          {good, ""},
		"described file":                {blank(0).member("././@LongLink", 'L', []byte("long.ovf\x00")).put(1024, good.b), ""},
		"evil disk":                     {ova(evil), "inner_descriptor: Invalid extent filenames found"},
		"overlay":                       {ova(qcow2(3).be64(8, 4096)), "inner_backing_file: Image has a backing file"},
		"bare descriptor":               {ova(blank(0).text(0, fmt.Sprintf(goodDescriptor, "monolithicFlat"))), "inner_descriptor: Unsupported subformat"},
		"as many files as there may be": {crowded(maxMembers - 2), ""},
		"too many files":                {crowded(maxMembers - 1), "archive: The archive has more than 128 entries"},
		"too many descriptions": {blank(0).put(0, bytes.Repeat(blank(0).member("x", 'x', nil).b, maxMembers)).put(maxMembers*tarBlock, good.b),
			"archive: The archive has more than 128 entries"},
		"long name":         {described('L', "long.ovf\x00", "short.ovf", monolithic()), ""},
		"pax name":          {described('x', pax("path", "long.ovf")+pax("mtime", "1.5"), "short.ovf", monolithic()), ""},
		"path in long name": {described('L', "../disk\x00", "disk", monolithic()), "archive: Invalid file names"},
		"path in pax":       {described('x', pax("path", "a/b"), "disk", monolithic()), "archive: Invalid file names"},
		"pax size":          {described('x', pax("size", "65536"), "disk", evil).resize("00000000000"), "inner_descriptor: Invalid extent filenames"},
		"pax size of all":   {described('g', pax("size", "65536"), "disk", monolithic()), "archive: The archive is malformed"},
		"sparse by pax":     {described('x', pax("GNU.sparse.major", "1"), "disk", monolithic()), "archive: The archive is malformed"},
		"empty description": {described('x', "", "disk", evil), "inner_descriptor: Invalid extent filenames"},
		"path of all":       {described('g', pax("path", "x"), "disk", monolithic()), "archive: The archive is malformed"},
		"two pax names":     {described('x', pax("path", "x")+pax("path", "y"), "disk", monolithic()), "archive: The archive is malformed"},
		"two pax sizes":     {described('x', pax("size", "512")+pax("size", "65536"), "disk", monolithic()), "archive: The archive is malformed"},
		"directory by name": {described('x', pax("path", "disk"), "disk/", monolithic()), "archive: Invalid file names"},
		"signed length":     {described('x', "+9 path=x\n", "disk", monolithic()), "archive: The archive is malformed"},
		"no end of line":    {described('x', "8 path=x", "disk", monolithic()), "archive: The archive is malformed"},
		"prefix":            {prefixed("../.."), "archive: Invalid file names"},
		"no pax":            {described('x', "path=a/b\n", "disk", monolithic()), "archive: The archive is malformed"},
		"endless pax":       {described('x', pax("comment", strings.Repeat("x", maxDescription)), "disk", monolithic()), "archive: The archive is malformed"},
		"large number":      {described('x', pax("mtime", "1"), "disk", evil).resize("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"), "inner_descriptor: Invalid extent filenames"},
		"link":              {blank(0).member("x.ovf", '0', nil).member("disk", '2', nil).endOfArchive(), "archive: The archive has links"},
		"path":              {blank(0).member("x.ovf", '0', nil).member("../disk", '0', nil).endOfArchive(), "archive: Invalid file names"},
		"cut":               {&image{good.b[:4000]}, "archive: The archive is cut short"},
		"checksum":          {ova(monolithic()).text(1024, "y"), "archive: The archive is malformed"},
		"no archive":        {blank(5000), "Image container_format ova does not match stream data raw"},
		"a disk":            {qcow2(3), "Image container_format ova does not match stream data qcow2"},
		"archive and iso":   {ova(monolithic()).text(isoVolume+1, "CD001").put(isoVolume+2048, []byte{0}), "Multiple formats detected: iso,ova"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1 << 30, 4096, 100} {
				_, r := inspect(tc.image.b, piece)
				if err := r.VerifyArchive(); tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Fatalf("in pieces of %d: got %v, want %q", piece, err, tc.want)
				}
			}
		})
	}
}

// TestRealArchives asks of archives that tar made, whose disks have names that need a description.
func TestRealArchives(t *testing.T) {
	for _, format := range []string{"ustar", "gnu", "pax"} {
		for name, tc := range map[string]struct {
			disk *image
			safe bool
		}{"good": {monolithic(), true}, "overlay": {qcow2(3).be64(8, 4096), false}} {
			dir, long := t.TempDir(), strings.Repeat("long", 30)
			if format == "ustar" {
				long = "short"
			}
			for file, b := range map[string][]byte{"x.ovf": []byte("<Envelope/>"), long + ".vmdk": tc.disk.b} {
				if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b, err := exec.Command("tar", "-C", dir, "--format", format, "-c", "x.ovf", long+".vmdk").Output()
			if err != nil {
				t.Fatal(err)
			}
			_, r := inspect(b, 4096)
			if err := r.VerifyArchive(); (err == nil) != tc.safe {
				t.Errorf("%s, %s: got %v", format, name, err)
			}
		}
	}
}

// TestManyMistakes keeps what is wrong again and again from growing.
func TestManyMistakes(t *testing.T) {
	m := vmdk(strings.Repeat("x\n", vmdkDescriptorMax/2)).le64(36, vmdkDescriptorMax/512)
	_, r := inspect(m.b, 65536)
	if n := len(r.Found[0].Violations); n > 10 {
		t.Errorf("%d violations", n)
	}
}
