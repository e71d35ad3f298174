package db

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// owner is this process as the only one that writes a SQLite file, however
// often it has opened it: what its commits tell is all that has happened.
type owner struct {
	file   string
	lock   *os.File
	opened int          // guarded by owners
	begun  atomic.Int64 // commits, as they begin
	writes atomic.Int64 // and as they are done
	full   atomic.Int64 // size of the log at which it is emptied
}

// owners are those of this process by their file.
var owners = struct {
	sync.Mutex
	of map[string]*owner
}{of: map[string]*owner{}}

// own makes this process the owner of a file that is there; it is refused while
// another one is. The lock, which ends with the process, is on a file beside
// it: whoever closes a file loses all locks on it, also the engine's.
func own(path string) (*owner, error) {
	file, err := filepath.EvalSymlinks(path)
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return nil, err
	}
	owners.Lock()
	defer owners.Unlock()
	o := owners.of[file]
	if o == nil {
		lock, err := lockFor(file)
		if err != nil {
			return nil, err
		}
		o = &owner{file: file, lock: lock}
		o.full.Store(maxLog)
		owners.of[file] = o
	}
	o.opened++
	return o, nil
}

// lockFor locks the file beside a database. It stays when the lock is gone.
func lockFor(file string) (*os.File, error) {
	f, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
		if err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err == nil {
			return f, nil
		}
		if err != syscall.EAGAIN && err != syscall.EACCES {
			break
		}
		if err = syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil {
			break
		}
		if lock.Type != syscall.F_UNLCK {
			err = fmt.Errorf("%s is open in process %d, and a SQLite database is written by one process only: end that one first, or use PostgreSQL or MariaDB", file, lock.Pid)
			break
		}
	}
	f.Close()
	return nil, err
}

// leave gives up what own has given.
func (o *owner) leave() error {
	owners.Lock()
	defer owners.Unlock()
	if o.opened--; o.opened > 0 {
		return nil
	}
	delete(owners.of, o.file)
	return o.lock.Close()
}

// begin and done are around each commit; nil, which owns nothing, does not count.
func (o *owner) begin() {
	if o != nil {
		o.begun.Add(1)
	}
}

func (o *owner) done() {
	if o != nil {
		o.writes.Add(1)
	}
}
