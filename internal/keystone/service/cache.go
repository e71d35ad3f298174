package service

import (
	"context"
	"sync"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/auth"
)

// cache remembers what was worked out of the tables at one revision. Whoever
// asks has just read the revision from the database, so nothing is ever stale
// but what hangs on users who are kept elsewhere, which is asked again in time.
type cache struct {
	mu         sync.Mutex
	revision   int64
	generation uint64 // of the keys that tokens were read with
	tokens     map[string]validated
	roles      *roleBook
	catalog    *catalog
	trusting   *[]keystone.ServiceProvider // enabled
}

// epoch is a state of the database and of the keys, at which a token is good or not.
type epoch struct {
	revision   int64
	generation uint64
}

func (s *Service) epoch(ctx context.Context) (epoch, error) {
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return epoch{}, err
	}
	generation, err := s.tokens.Generation()
	return epoch{revision, generation}, err
}

// validated is a token that was good at the cache's revision; its expiry is not looked at here.
type validated struct {
	token    *keystone.Token
	identity auth.Identity
	ends     time.Time // when what it hangs on ends; zero is not before the token
	again    time.Time // when it is to be worked out anew; zero is when the revision moves
}

// stale reports whether the token is to be worked out anew.
func (v validated) stale(now time.Time) bool { return !v.again.IsZero() && !now.Before(v.again) }

// expired reports whether the token is of no use at now, or so long after it expired.
func (v validated) expired(now time.Time, grace time.Duration) bool {
	return !now.Before(v.token.ExpiresAt.Add(grace)) || !v.ends.IsZero() && !now.Before(v.ends)
}

// maxTokens bounds the cache; one takes one or two kilobytes.
const maxTokens = 10000

// at makes the cache one of that revision; false if it is newer already.
func (c *cache) at(revision int64) bool {
	if revision > c.revision {
		c.revision, c.tokens, c.roles, c.catalog, c.trusting = revision, nil, nil, nil, nil
	}
	return revision == c.revision
}

// findToken finds what was kept at the epoch.
func (c *cache) findToken(now epoch, id string) (validated, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at(now.revision) {
		return validated{}, false
	}
	if c.generation != now.generation {
		c.generation, c.tokens = now.generation, nil
	}
	v, ok := c.tokens[id]
	return v, ok
}

func (c *cache) keepToken(then epoch, v validated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at(then.revision) || c.generation != then.generation {
		return
	}
	if c.tokens == nil || len(c.tokens) >= maxTokens {
		c.tokens = map[string]validated{}
	}
	c.tokens[v.token.ID] = v
}

// memo gives what *slot holds at the revision, or makes it and keeps it.
func memo[T any](c *cache, revision int64, slot **T, make func() (*T, error)) (*T, error) {
	c.mu.Lock()
	if c.at(revision) && *slot != nil {
		defer c.mu.Unlock()
		return *slot, nil
	}
	c.mu.Unlock()
	v, err := make()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at(revision) {
		*slot = v
	}
	return v, nil
}
