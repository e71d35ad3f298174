package telemetry

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// TrimMemory gives back what a start or a burst of work has left behind: free
// heap, and pages of the program that nobody runs any more. What is needed
// again is mapped from the page cache. It is the round of a loop.
func TrimMemory(context.Context) error {
	debug.FreeOSMemory()
	if err := dropProgram(); err != nil {
		return fmt.Errorf("trim memory: %w", err)
	}
	return nil
}

// dropProgram unmaps the pages of the program's read-only parts. One that
// holds pages of this process's own, as relocated ones are, is left alone.
func dropProgram() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	for _, m := range readOnly(string(text), exe) {
		// What is needed again comes back by the page: in a page cache that holds
		// the file in huge pages, one touch would map two megabytes.
		if err := m.advise(unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL { // a kernel without huge pages
			return err
		}
		if err := m.advise(unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	return nil
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

func (m mapping) advise(advice uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, advice); errno != 0 {
		return errno
	}
	return nil
}

// readOnly finds, in the text of smaps, the mappings of a file that cannot be
// written and hold no anonymous page.
func readOnly(smaps, file string) (found []mapping) {
	var m mapping
	ours := false
	for line := range strings.Lines(smaps) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 5 && !strings.HasSuffix(f[0], ":"):
			ours = len(f) == 6 && f[5] == file && f[1][1] == '-'
			if _, err := fmt.Sscanf(f[0], "%x-%x", &m.from, &m.to); err != nil {
				ours = false
			}
		case ours && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0":
			found = append(found, m)
		}
	}
	return found
}
