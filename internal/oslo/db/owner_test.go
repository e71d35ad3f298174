package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"nacre/internal/oslo/db"
)

// otherEnv makes the test binary the other process: what it does, and to which file.
const otherEnv = "NACRE_DB_OTHER"

func TestMain(m *testing.M) {
	if what, file, ok := strings.Cut(os.Getenv(otherEnv), " "); ok {
		other(what, file)
		return
	}
	os.Exit(m.Run())
}

// other tells in a line how it went, and goes on until there is no more input.
func other(what, file string) {
	var said string
	switch what {
	case "open":
		d, err := db.Open(context.Background(), "sqlite://"+file, schema)
		said = fmt.Sprint(err)
		if err == nil {
			defer d.Close()
		}
	case "look":
		d, err := db.Open(context.Background(), "sqlite://"+file, schema, db.AsItIs())
		if err == nil {
			defer d.Close()
			_, known := d.Writes()
			n, err := db.Count(context.Background(), d, things.Select(""))
			said = fmt.Sprint(n, known, err)
		} else {
			said = err.Error()
		}
	case "locks": // by which process SQLite has locked the file
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: 1 << 30, Len: 512}
		if err == nil {
			err = syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock)
		}
		said = fmt.Sprint(lock.Pid, err)
	}
	fmt.Println(said)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// process is the other one; end has it end in order.
type process struct {
	*exec.Cmd
	said string
	end  func()
}

func start(t *testing.T, what, file string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), otherEnv+"="+what+" "+file)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	end := func() { in.Close(); cmd.Wait() }
	t.Cleanup(end)
	return process{cmd, strings.TrimSpace(said), end}
}

// tell is what a process says that ends then.
func tell(t *testing.T, what, file string) string {
	t.Helper()
	p := start(t, what, file)
	p.end()
	return p.said
}

const opened = "<nil>"

// TestOneProcessOwnsAFile: what it knows by its own writes would be wrong if
// others wrote, too. How the owner ends does not matter.
func TestOneProcessOwnsAFile(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/x.db"
	open := func(t *testing.T) (*db.DB, error) { return db.Open(t.Context(), "sqlite://"+file, schema) }
	for how, end := range map[string]func(process){
		"in order": func(p process) { p.end() },
		"kill -9":  func(p process) { p.Process.Kill(); p.Wait() },
	} {
		p := start(t, "open", file)
		if p.said != opened {
			t.Fatal(p.said)
		}
		_, err := open(t)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s is open in process %d", file, p.Process.Pid)) {
			t.Errorf("beside its owner: %v", err)
		}
		end(p)
		d, err := open(t)
		if err != nil {
			t.Fatalf("after its owner ended %s: %v", how, err)
		}
		d.Close()
	}
}

// TestOwnerOpensTwice: it is its own until it has closed it as often, by whichever name it is known.
func TestOwnerOpensTwice(t *testing.T) {
	dir := t.TempDir()
	file, link := dir+"/x.db", filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	one, err := db.Open(t.Context(), "sqlite://"+file, schema)
	if err != nil {
		t.Fatal(err)
	}
	two, err := db.Open(t.Context(), "sqlite://"+link+"/x.db", schema)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := one.Writes()
	begin(t, two)
	if now, known := one.Writes(); now == before || !known {
		t.Errorf("writes through the other: %d, %d before, %t", now, before, known)
	}
	locked := fmt.Sprintf("%d <nil>", os.Getpid())
	if got := tell(t, "locks", file); got != locked {
		t.Errorf("the engine's lock is of %s, want %s", got, locked)
	}
	if got := tell(t, "look", file); got != "3 false <nil>" {
		t.Errorf("who only looks: %s", got)
	}
	two.Close()
	if got := tell(t, "locks", file); got != locked {
		t.Errorf("closed once, the engine's lock is of %s, want %s", got, locked)
	}
	for _, name := range []string{file, link + "/x.db"} {
		if got := tell(t, "open", name); !strings.Contains(got, "is open in process") {
			t.Errorf("%s, closed once: %s", name, got)
		}
	}
	one.Close()
	one.Close()
	if got := tell(t, "open", file); got != opened {
		t.Errorf("closed: %s", got)
	}
	if _, err := db.Open(t.Context(), "sqlite://"+file, schema, db.AsItIs()); errors.Is(err, db.ErrOld) || err != nil {
		t.Error(err)
	}
}
