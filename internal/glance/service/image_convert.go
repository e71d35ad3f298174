package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/format"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// convert makes an image one of the operator's format. qemu-img is told the
// input's format and never guesses; that it is this format our own inspector
// has found out before.
func (s *Service) convert(ctx context.Context, st *imageImport, n int) error {
	img, err := s.store.AnyImage(ctx, st.ImageID)
	if err != nil {
		return err
	}
	from, err := s.staging[st.Area].Path(st.ImageID)
	if err != nil {
		return err
	}
	size, err := inspect(from, img.DiskFormat)
	if err != nil {
		return err
	}
	to := s.config.ImageConversion.OutputFormat
	if img.DiskFormat == "iso" || img.DiskFormat == to {
		return s.changed(ctx, st, st.Area, func(img *glance.Image) { img.VirtualSize = size })
	}
	limit, err := s.room(ctx, img.Owner, glance.None)
	if err != nil {
		return err
	}
	path, err := s.converted(ctx, st, n, qemuFormat(img.DiskFormat), from, to, limit)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "image converted", "image", st.ImageID, "from", img.DiskFormat, "to", to, "bytes", info.Size())
	return s.changed(ctx, st, n, func(img *glance.Image) {
		img.DiskFormat, img.ContainerFormat, img.Size, img.VirtualSize = to, "bare", info.Size(), size
	})
}

// converted makes the n-th part of staging out of the file from.
func (s *Service) converted(ctx context.Context, st *imageImport, n int, format, from, to string, limit int64) (string, error) {
	area, upload := s.staging[n], attempt(st.TaskID, flow.Fence(ctx))
	if err := errors.Join(discard(ctx, st, area), area.Delete(ctx, st.ImageID)); err != nil {
		return "", err
	}
	scratch, err := area.Scratch(st.ImageID, upload)
	if err != nil {
		return "", err
	}
	if err := qemuConvert(ctx, format, from, to, scratch, limit); err != nil {
		return "", errors.Join(err, area.Discard(ctx, st.ImageID, upload))
	}
	if _, err := inspect(scratch, to); err != nil {
		return "", errors.Join(fault.Unsupported("Converted image in unexpected format").Cause(err), area.Discard(ctx, st.ImageID, upload))
	}
	if err := area.Adopt(st.ImageID, upload); err != nil {
		return "", err
	}
	return area.Path(st.ImageID)
}

// inspect checks that a file is safe and of that format, and tells the size of
// the disk in it.
func inspect(path, want string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := format.NewInspector()
	if _, err := io.Copy(in, f); err != nil {
		return 0, err
	}
	found := in.Result()
	size, err := found.Verify(want)
	var lie *format.Mismatch
	var unsafe *format.Unsafe
	switch {
	case errors.As(err, &unsafe):
		return 0, fault.BadRequest("Image has disallowed configuration").Cause(err)
	case errors.As(err, &lie):
		return 0, fault.BadRequest("Image format mismatch").Cause(err)
	}
	for _, f := range found.Found {
		if f.Format != want && f.Format != "gpt" { // a partition table is part of what is raw
			return 0, fault.BadRequest("Image format mismatch").Cause(fmt.Errorf("it is %s", f.Format))
		}
	}
	return size, err
}

// qemuFormat is what qemu-img calls a disk format.
func qemuFormat(disk string) string {
	if disk == "vhd" {
		return "vpc"
	}
	return disk
}

// Bounds of one run of qemu-img, whose input a tenant wrote. Its threads, of
// which it starts up to 64, would not fit the address space with usual stacks.
const (
	convertMemory = 1 << 30 // bytes
	convertCPU    = 300     // seconds
	convertStack  = 2 << 20 // bytes
)

// qemuConvert writes from, of the named format, to a file of at most limit bytes.
func qemuConvert(ctx context.Context, format, from, to, path string, limit int64) error {
	args := []string{"--as=" + strconv.Itoa(convertMemory), "--cpu=" + strconv.Itoa(convertCPU), "--core=0",
		"--stack=" + strconv.Itoa(convertStack), "--fsize=" + strconv.FormatInt(limit, 10), "--",
		"qemu-img", "convert", "-q", "-t", "writeback", "-f", format, "-O", to, from, path}
	cmd := exec.CommandContext(ctx, "prlimit", args...)
	cmd.Env = append(os.Environ(), "MALLOC_ARENA_MAX=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &exit):
		return fmt.Errorf("convert image: %w", err)
	}
	return fault.BadRequest("The image cannot be converted from %s to %s.", format, to).
		Cause(fmt.Errorf("qemu-img: %s (%w)", strings.TrimSpace(string(out)), err))
}
