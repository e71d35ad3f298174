package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/nova/virt/libvirt"
	"nacre/internal/oslo/config"
)

// TestNovaOptions: the options of the file reach the driver, and mistakes are told.
func TestNovaOptions(t *testing.T) {
	got := DefaultConfig().Nova.apply(libvirt.Config{StateDir: "/s"})
	if got.StateDir != "/s" || got.SweepEvery != 40*time.Minute || got.Cache.KeepUnused || got.Cache.MinAge != 24*time.Hour {
		t.Errorf("as they are: %+v", got)
	}
	file := filepath.Join(t.TempDir(), "cloud.yaml")
	text := "nova:\n  image_cache: {manager_interval: 0, remove_unused_base_images: false, remove_unused_original_minimum_age_seconds: 0}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	if err := config.Load(file, false, &c); err != nil {
		t.Fatal(err)
	}
	if got := c.Nova.apply(libvirt.Config{}); got.SweepEvery != time.Minute || !got.Cache.KeepUnused || got.Cache.MinAge <= 0 || got.Cache.MinAge > time.Second {
		t.Errorf("as set: %+v", got)
	}
	c.Nova.ImageCache = ImageCacheOptions{ManagerInterval: -2, MinimumUnusedSeconds: -1}
	err := c.Check()
	for _, want := range []string{"nova: ", "manager_interval", "minimum_age_seconds"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
}
