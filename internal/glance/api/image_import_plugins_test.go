package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// zipped is an archive of files of those contents.
func zipped(contents ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, text := range contents {
		f, _ := w.Create(fmt.Sprintf("../../%d", i)) // a name that leads elsewhere leads nowhere
		io.WriteString(f, text)
	}
	w.Close()
	return b.String()
}

// TestDecompression: one member at most, no more bytes than allowed.
func TestDecompression(t *testing.T) {
	config := fromHere("image_decompression")
	config.ImageSizeCap = 1 << 20
	cloud := twoStores(t, config)
	for name, tc := range map[string]struct{ data, container, status, want string }{
		"zip":            {zipped("inside"), "bare", "active", "inside"},
		"two members":    {zipped("a", "b"), "bare", "queued", "Archive contains more than one file."},
		"bomb":           {zipped(strings.Repeat("\x00", 2<<20)), "bare", "queued", "The incoming image is too large"},
		"lha":            {"ab-lh5-" + strings.Repeat("x", 30), "bare", "queued", "No lhafile available."},
		"broken gzip":    {"\x1f\x8b\x08 broken", "bare", "queued", "The image cannot be decompressed"},
		"not compressed": {"plain", "bare", "active", "plain"},
		"meant to be":    {zipped("inside"), "compressed", "active", zipped("inside")},
	} {
		t.Run(name, func(t *testing.T) {
			id := cloud.create(t, "member", fmt.Sprintf(`{"disk_format": "raw", "container_format": %q}`, tc.container))
			cloud.stage(t, "member", id, tc.data).want(t, 204, "")
			cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
			if got := cloud.imported(t, "member", id); got["status"] != tc.status {
				t.Fatalf("got %v, %s", got, cloud.lastTask(t, "member", id).Message)
			}
			if tc.status == "queued" {
				if why := cloud.lastTask(t, "member", id).Message; !strings.Contains(why, tc.want) {
					t.Errorf("got %q", why)
				}
			} else if data, err := os.ReadFile(filepath.Join(cloud.dir, "one", id)); string(data) != tc.want {
				t.Errorf("got %q, %v", data, err)
			}
		})
	}
}

// qcow2 is an empty disk as QEMU makes it.
func qcow2(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", file, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConversion refuses what is not what it is said to be.
func TestConversion(t *testing.T) {
	cloud := twoStores(t, fromHere("image_conversion"))
	overlay := "QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x10\x00" + strings.Repeat("\x00", 1024)
	for name, tc := range map[string]struct{ disk, data, want string }{
		"raw in qcow2": {"qcow2", "plain", "Image format mismatch"},
		"qcow2 in raw": {"raw", qcow2(t), "Image format mismatch"},
		"backing file": {"qcow2", overlay, "Image has disallowed configuration"},
		"no vmdk":      {"vmdk", "KDMV" + strings.Repeat("\x00", 1024), "Image has disallowed configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			id := cloud.create(t, "member", fmt.Sprintf(`{"disk_format": %q, "container_format": "bare"}`, tc.disk))
			cloud.stage(t, "member", id, tc.data).want(t, 204, "")
			cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
			got := cloud.imported(t, "member", id)
			if why := cloud.lastTask(t, "member", id).Message; got["status"] != "queued" || !strings.Contains(why, tc.want) {
				t.Errorf("got %v, %s", got, why)
			}
		})
	}
}

// TestInjection spares the roles it is told to.
func TestInjection(t *testing.T) {
	config := fromHere("inject_image_metadata")
	config.InjectMetadata.Inject = map[string]string{"scanned": "no"}
	cloud := twoStores(t, config)
	for as, want := range map[string]any{"member": "no", "admin": nil} {
		id := cloud.create(t, as, raw)
		cloud.stage(t, as, id, "x").want(t, 204, "")
		cloud.importBy(t, as, id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
		if got := cloud.imported(t, as, id); got["scanned"] != want || got["status"] != "active" {
			t.Errorf("%s: got %v", as, got)
		}
	}
}
