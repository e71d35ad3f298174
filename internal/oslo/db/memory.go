package db

import (
	"context"
	"fmt"
	"sync"
	_ "unsafe" // for linkname

	_ "modernc.org/libc" // whose memory is trimmed
	"modernc.org/memory"
)

// The memory that the SQLite engine allocates, and what guards it. The engine
// has no call that gives it back, so these are the very variables it uses.
var (
	//go:linkname sqliteMemory modernc.org/libc.allocator
	sqliteMemory memory.Allocator
	//go:linkname sqliteMemoryLock modernc.org/libc.allocatorMu
	sqliteMemoryLock sync.Mutex
)

// TrimMemory gives back what the SQLite engine has freed: by itself it keeps
// megabytes of every size for the next burst of work. It is the round of a loop.
func TrimMemory(context.Context) error {
	sqliteMemoryLock.Lock()
	defer sqliteMemoryLock.Unlock()
	if err := sqliteMemory.Trim(); err != nil {
		return fmt.Errorf("trim the memory of SQLite: %w", err)
	}
	return nil
}
