package imagecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"nacre/internal/nova/virt"
)

// Limits bound one run of qemu-img, whose input a tenant wrote.
type Limits struct {
	MemoryBytes int64         // address space; default 1 GiB
	CPU         time.Duration // default 5 min
	FileBytes   int64         // of the result; default 10 TiB
}

func (l Limits) args() []string {
	if l.MemoryBytes == 0 {
		l.MemoryBytes = 1 << 30
	}
	if l.CPU == 0 {
		l.CPU = 5 * time.Minute
	}
	if l.FileBytes == 0 {
		l.FileBytes = 10 << 40
	}
	return []string{
		"--as=" + strconv.FormatInt(l.MemoryBytes, 10),
		"--cpu=" + strconv.FormatInt(int64(l.CPU.Seconds()), 10),
		"--fsize=" + strconv.FormatInt(l.FileBytes, 10),
		"--core=0",
		"--stack=" + strconv.Itoa(threadStack),
	}
}

// threadStack is the stack of each of qemu-img's threads, of which it starts up
// to 64 when the disk is slow. The usual 8 MiB, and a heap of 64 MiB for each,
// would not fit the limit of the address space.
const threadStack = 2 << 20

// convert turns a file of the named format, never guessed, into a sparse raw one.
func convert(ctx context.Context, limits Limits, format, from, to string) error {
	args := append(limits.args(), "--", "qemu-img", "convert", "-q", "-t", "writeback", "-f", format, "-O", "raw", from, to)
	cmd := exec.CommandContext(ctx, "prlimit", args...)
	cmd.Env = append(os.Environ(), "MALLOC_ARENA_MAX=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	_ = os.Remove(to)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		return fmt.Errorf("convert image: %w", err)
	}
	return fmt.Errorf("%w: qemu-img: %s (%w)", virt.ErrImage, strings.TrimSpace(string(out)), err)
}
