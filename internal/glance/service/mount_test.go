package service_test

import (
	"syscall"
	"testing"
)

// mountSmall puts a file system of 2 MiB on dir until the test ends.
func mountSmall(t *testing.T, dir string) error {
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m")
	if err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	return err
}
