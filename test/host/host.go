// Package host is a machine of its own for a test: a network and mount
// namespace in which the real binary runs with its daemons, guests and
// namespaces, so that tests neither meet each other nor what else runs here.
// It ends, with everything in it, when the test does.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Host is a test's own machine.
type Host struct {
	t      testing.TB
	holder *exec.Cmd // keeps the namespaces
	Dir    string    // state directory of the cloud
	nacre  *exec.Cmd
	log    *os.File
	from   int // where this start begins in the log
	ended  chan error
}

// New makes the machine. The test needs root, the binary in NACRE_BINARY and,
// to boot guests, an image in NACRE_GUEST_IMAGE.
func New(t testing.TB) *Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("tests with real guests need root")
	}
	dir, err := os.MkdirTemp("/tmp", "nacre-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := &Host{t: t, Dir: filepath.Join(dir, "s")}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h.holder = exec.Command("unshare", "--mount", "--net", "--propagation", "private", "--", "sh", "-ec",
		`mount -t sysfs sysfs /sys; mkdir -p /run/netns /run/libvirt; mount -t tmpfs tmpfs /run/netns; mount -t tmpfs tmpfs /run/libvirt; ip link set lo up; echo up; exec sleep infinity`)
	out, err := h.holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.holder.Stderr = os.Stderr
	if err := h.holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatalf("the test's machine did not start: %v", err)
	}
	t.Cleanup(h.end)
	return h
}

// end kills every process that is in the machine's network namespace or mount namespace.
func (h *Host) end() {
	if h.t.Failed() {
		h.t.Logf("the end of the cloud's log:\n%s", tail(filepath.Join(filepath.Dir(h.Dir), "log"), 60))
	}
	mine := h.namespace("mnt", h.holder.Process.Pid)
	for range 20 {
		left := 0
		for _, pid := range pids() {
			if ns := h.namespace("mnt", pid); pid != os.Getpid() && (ns == mine || h.descends(pid)) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				left++
			}
		}
		if left == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = h.holder.Wait()
	if h.nacre != nil {
		<-h.ended
	}
}

// descends reports whether a process was started for this machine: daemons
// with a mount namespace of their own name the state directory.
func (h *Host) descends(pid int) bool {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return bytes.Contains(cmdline, []byte(filepath.Dir(h.Dir)+"/"))
}

func (h *Host) namespace(kind string, pid int) string {
	ns, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
	return ns
}

func pids() (out []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		if n, err := strconv.Atoi(filepath.Base(d)); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// Command prepares a command on the machine.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	ns := []string{"-t", strconv.Itoa(h.holder.Process.Pid), "-m", "-n", "--wd=/", "--", name}
	return exec.CommandContext(ctx, "nsenter", append(ns, args...)...)
}

// Run runs a command on the machine and returns its standard output.
func (h *Host) Run(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := h.Command(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Must is Run that ends the test on an error.
func (h *Host) Must(name string, args ...string) string {
	h.t.Helper()
	out, err := h.Run(name, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// Up starts the cloud and waits until it says that it is ready.
func (h *Host) Up(args ...string) {
	h.t.Helper()
	if err := h.Start(args...); err != nil {
		h.t.Fatal(err)
	}
	h.WaitReady(3 * time.Minute)
}

// RunOnly starts some processes of the cloud and waits until they are ready.
func (h *Host) RunOnly(processes ...string) {
	h.t.Helper()
	if err := h.start(append([]string{"run", "--state-dir", h.Dir}, processes...)); err != nil {
		h.t.Fatal(err)
	}
	h.WaitReady(3 * time.Minute)
}

// AdminKeystone runs nacre admin keystone on the cloud's state.
func (h *Host) AdminKeystone(args ...string) string {
	h.t.Helper()
	return h.Must(os.Getenv("NACRE_BINARY"), append([]string{"admin", "keystone", "--state-dir", h.Dir}, args...)...)
}

// Start starts the cloud and returns at once.
func (h *Host) Start(args ...string) error {
	args = append([]string{"up", "--state-dir", h.Dir}, args...)
	if image := os.Getenv("NACRE_GUEST_IMAGE"); image != "" {
		args = append(args, "--guest-image", image)
	}
	return h.start(args)
}

func (h *Host) start(args []string) error {
	binary := os.Getenv("NACRE_BINARY")
	if binary == "" {
		return errors.New("NACRE_BINARY names no binary: run make e2e")
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(h.Dir), "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	h.log = log
	size, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	h.from = int(size)
	h.nacre = h.Command(context.Background(), binary, args...)
	h.nacre.Stdout, h.nacre.Stderr = log, log
	h.nacre.Env = append(os.Environ(), "NACRE_ADMIN_PASSWORD="+AdminPassword)
	if err := h.nacre.Start(); err != nil {
		return err
	}
	h.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait(); close(ended) }(h.nacre, h.ended)
	return nil
}

// ready is what the cloud, or a part of it, prints when it is.
var ready = regexp.MustCompile(`(?m)^(The cloud is up, in|Up in) `)

// WaitReady waits until the cloud has printed its summary.
func (h *Host) WaitReady(limit time.Duration) {
	h.t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-h.ended:
			h.t.Fatalf("the cloud ended: %v\n%s", err, tail(h.log.Name(), 40))
		default:
		}
		if text, _ := os.ReadFile(h.log.Name()); ready.Match(text[min(h.from, len(text)):]) {
			return
		}
	}
	h.t.Fatalf("the cloud was not ready after %s\n%s", limit, tail(h.log.Name(), 40))
}

// Log is what the cloud has printed since it was started last.
func (h *Host) Log() string {
	text, _ := os.ReadFile(h.log.Name())
	return string(text[min(h.from, len(text)):])
}

// Kill ends the cloud's process as a power cut would; guests and daemons go on.
func (h *Host) Kill() {
	_ = syscall.Kill(h.PID(), syscall.SIGKILL)
	<-h.ended
}

// Stop ends the cloud in order.
func (h *Host) Stop() {
	h.t.Helper()
	_ = syscall.Kill(h.PID(), syscall.SIGTERM)
	select {
	case err := <-h.ended:
		if err != nil {
			h.t.Errorf("the cloud did not end well: %v", err)
		}
	case <-time.After(time.Minute):
		h.t.Fatalf("the cloud was told to stop and runs on\n%s", tail(h.log.Name(), 40))
	}
}

// Died waits until the cloud's process ends by itself.
func (h *Host) Died(limit time.Duration) {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(limit):
		h.t.Fatalf("the cloud still runs after %s", limit)
	}
}

// PID is the cloud's own process: nsenter becomes it.
func (h *Host) PID() int { return h.nacre.Process.Pid }

// Sub runs a subtest to which everything that goes wrong on the machine is told.
func (h *Host) Sub(name string, f func(t *testing.T)) {
	h.t.(*testing.T).Run(name, func(t *testing.T) {
		outer := h.t
		h.t = t
		defer func() { h.t = outer }()
		f(t)
	})
}

// Fail ends the test.
func (h *Host) Fail(format string, a ...any) {
	h.t.Helper()
	h.t.Fatalf(format, a...)
}

// Until asks again and again until ok, and fails the test after limit.
func (h *Host) Until(what string, limit time.Duration, ok func() bool) {
	h.t.Helper()
	for end, late := time.Now().Add(limit), false; !late; time.Sleep(200 * time.Millisecond) {
		late = time.Now().After(end) // asked once more, should this process have stood still
		if ok() {
			return
		}
	}
	h.t.Fatalf("not within %s: %s", limit, what)
}

// tail is the last lines of a file.
func tail(file string, lines int) string {
	text, _ := os.ReadFile(file)
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
