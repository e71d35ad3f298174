// Package memcached keeps tokens in memcached servers: fast, shared by all
// replicas, and lost when a server restarts or runs out of memory, after which
// clients authenticate again.
package memcached

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"nacre/internal/keystone/token"
)

// Shelf keeps tokens on memcached servers, each key on one of them.
type Shelf struct{ client *memcache.Client }

var _ token.Shelf = (*Shelf)(nil)

// timeout is how long a server may take, where the library's 0.5 s is too
// short for a machine that swaps.
const timeout = 3 * time.Second

// New uses servers, each host:port or the path of a socket.
func New(servers ...string) *Shelf {
	c := memcache.New(servers...)
	c.Timeout = timeout
	c.MaxIdleConns = 16
	return &Shelf{c}
}

// prefix keeps our keys apart from those of others on the same servers.
const prefix = "nacre-token-"

// Put implements token.Shelf.
func (s *Shelf) Put(_ context.Context, key string, text []byte, until time.Time) error {
	err := s.client.Set(&memcache.Item{Key: prefix + key, Value: text, Expiration: int32(min(until.Unix(), maxUntil))})
	if err != nil {
		return fmt.Errorf("memcached: %w", err)
	}
	return nil
}

// maxUntil is the last second that the protocol can name, in 2038.
const maxUntil = 1<<31 - 1

// Get implements token.Shelf.
func (s *Shelf) Get(_ context.Context, key string) ([]byte, error) {
	item, err := s.client.Get(prefix + key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return nil, token.ErrAbsent
	} else if err != nil {
		return nil, fmt.Errorf("memcached: %w", err)
	}
	return item.Value, nil
}

// Ping reports whether every server answers.
func (s *Shelf) Ping() error {
	if err := s.client.Ping(); err != nil {
		return fmt.Errorf("memcached: %w", err)
	}
	return nil
}

// Close ends the connections.
func (s *Shelf) Close() error { return s.client.Close() }
