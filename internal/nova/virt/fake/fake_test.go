package fake_test

import (
	"testing"

	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/fake"
	"nacre/internal/nova/virt/virttest"
	"nacre/internal/oslo/uuid"
)

func TestDriver(t *testing.T) {
	virttest.Run(t, virttest.Harness{
		Driver: fake.New(fake.Config{Hostname: "fake-1", Output: virttest.Greeting + "\n"}),
		Image:  virt.Image{ID: uuid.New(), DiskFormat: "raw"},
	})
}

// BenchmarkSpawn measures what a guest costs, for it must cost nothing.
func BenchmarkSpawn(b *testing.B) {
	d := fake.New(fake.Config{})
	for b.Loop() {
		_ = d.Spawn(b.Context(), virt.Guest{ID: uuid.New(), Name: "n", VCPUs: 1, MemoryMB: 1, Image: virt.Image{ID: "i"}})
	}
}
