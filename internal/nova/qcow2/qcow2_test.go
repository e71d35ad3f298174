package qcow2

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOverlay asks qemu-img what it thinks of our overlays.
func TestOverlay(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Fatal("qemu-img is not installed: it is in Debian's qemu-utils")
	}
	dir := t.TempDir()
	base, file := filepath.Join(dir, "base"), filepath.Join(dir, "disk")
	if err := os.WriteFile(base, bytes.Repeat([]byte("base"), 1<<18), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1 << 20, 1<<30 + 512, 20 << 30, 5 << 40} {
		if err := CreateOverlay(file, base, "raw", size); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("qemu-img", "check", "-f", "qcow2", file).CombinedOutput(); err != nil {
			t.Errorf("%d: %v: %s", size, err, out)
		}
		out, err := exec.Command("qemu-img", "info", "--output=json", "-f", "qcow2", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		var info struct {
			Size    int64  `json:"virtual-size"`
			Backing string `json:"backing-filename"`
			Format  string `json:"backing-filename-format"`
		}
		if err := json.Unmarshal(out, &info); err != nil || info.Size != size || info.Backing != base || info.Format != "raw" {
			t.Errorf("%d: %v: %s", size, err, out)
		}
		got, err := ReadFile(file)
		if want := (Header{Version: 3, VirtualBytes: size, BackingFile: base, BackingFormat: "raw"}); err != nil || got != want {
			t.Errorf("%v: %s", err, cmp.Diff(want, got))
		}
	}
	if out, err := exec.Command("qemu-io", "-f", "qcow2", "-c", "read -P 0 2M 64k", "-c", "write -P 7 1M 64k", "-c", "read -P 7 1M 64k", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("failed")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestForeignHeaders reads what qemu-img wrote.
func TestForeignHeaders(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Fatal("qemu-img is not installed: it is in Debian's qemu-utils")
	}
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	for name, tc := range map[string]struct {
		args []string
		want Header
	}{
		"plain":   {[]string{"-o", "compat=0.10"}, Header{Version: 2, VirtualBytes: 1 << 20}},
		"backing": {[]string{"-b", base, "-F", "raw"}, Header{Version: 3, VirtualBytes: 1 << 20, BackingFile: base, BackingFormat: "raw"}},
		"data":    {[]string{"-o", "data_file=" + filepath.Join(dir, "d")}, Header{Version: 3, VirtualBytes: 1 << 20, DataFile: true}},
	} {
		if err := os.WriteFile(base, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if out, err := exec.Command("qemu-img", append(append([]string{"create", "-q", "-f", "qcow2"}, tc.args...), file, "1M")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got, err := ReadFile(file); err != nil || got != tc.want {
			t.Errorf("%s: %v: %s", name, err, cmp.Diff(tc.want, got))
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	seed, _ := overlay("/base", "raw", 1<<30)
	f.Add(seed[:512])
	f.Add([]byte("QFI\xfb"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = ReadHeader(bytes.NewReader(b)) })
}
