package messaging

import (
	"sync"
	"sync/atomic"
	"time"
)

// closeWithin bounds what a broker that does not answer may hold up, each time.
const closeWithin = time.Second

// leaving is what a broker is told as a bus, or a topic, is left. Who has waited
// for it in vain keeps the next from waiting, until it answers.
type leaving struct {
	work sync.WaitGroup // ends with the connection
	dead atomic.Bool
}

// tell calls fn, which waits for the broker, but does not wait for it long.
func (l *leaving) tell(fn func()) {
	told := make(chan struct{})
	l.work.Go(func() {
		fn()
		l.dead.Store(false)
		close(told)
	})
	if l.dead.Load() {
		return
	}
	select {
	case <-told:
	case <-time.After(closeWithin):
		l.dead.Store(true)
	}
}
