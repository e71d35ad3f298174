package imagecache

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Converting needs little address space however many threads it takes: a busy
// disk must not make an image unacceptable.
func TestConvertIsSmall(t *testing.T) {
	dir := t.TempDir()
	raw, packed, out := filepath.Join(dir, "raw"), filepath.Join(dir, "qcow2"), filepath.Join(dir, "out")
	data := make([]byte, 32<<20)
	_, _ = rand.Read(data)
	if err := os.WriteFile(raw, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("qemu-img", "convert", "-c", "-O", "qcow2", raw, packed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for range 5 {
		if err := convert(t.Context(), Limits{MemoryBytes: 300 << 20}, "qcow2", packed, out); err != nil {
			t.Fatal(err)
		}
	}
}
