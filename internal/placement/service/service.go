// Package service says what Placement's calls mean.
package service

import (
	"context"
	"errors"
	"sync"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// Error codes of the API's guideline, in the "code" of an error.
const (
	CodeConcurrentUpdate = "placement.concurrent_update"
	CodeDuplicateName    = "placement.duplicate_name"
	CodeInventoryInUse   = "placement.inventory.inuse"
	CodeProviderInUse    = "placement.resource_provider.inuse"
	CodeParent           = "placement.resource_provider.cannot_delete_parent"
	CodeProviderNotFound = "placement.resource_provider.not_found"
	CodeBadValue         = "placement.query.bad_value"
	CodeDuplicateKey     = "placement.query.duplicate_key"
	CodeMissingValue     = "placement.query.missing_value"
)

// Deps is what the service needs.
type Deps struct {
	Store *store.Store
	Clock clock.Clock
}

// Service answers Placement's calls.
type Service struct {
	store *store.Store
	clock clock.Clock

	mu        sync.RWMutex // guards the snapshot
	snap      *placement.Snapshot
	seq       int64
	structure int64
}

// New makes the service.
func New(d Deps) *Service {
	return &Service{store: d.Store, clock: d.Clock, snap: placement.NewSnapshot()}
}

// read brings the snapshot up to date with the database and calls fn on it.
func (s *Service) read(ctx context.Context, fn func(snap *placement.Snapshot) error) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fn(s.snap)
}

func (s *Service) refresh(ctx context.Context) error {
	seq, structure, err := s.store.Revision(ctx)
	if err != nil {
		return err
	}
	s.mu.RLock()
	current := s.knows(seq, structure)
	s.mu.RUnlock()
	if current {
		return nil
	}
	return s.catchUp(ctx, seq, structure)
}

// knows reports whether the snapshot is as new as a revision of the database.
func (s *Service) knows(seq, structure int64) bool { return seq <= s.seq && structure <= s.structure }

// catchUp reads what the snapshot lacks of a revision. Of many readers who
// wait for each other here only the first reads: what it found is what the
// others came for, and when a thousand hosts register they are many.
func (s *Service) catchUp(ctx context.Context, seq, structure int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.knows(seq, structure) {
		return nil
	}
	from := s.seq
	if structure > s.structure {
		from = 0
	}
	changed, err := s.store.Changed(ctx, from)
	if err != nil {
		return err
	}
	if from == 0 {
		s.snap = placement.NewSnapshot()
	}
	s.snap.Put(changed...)
	for _, p := range changed {
		seq = max(seq, p.Seq)
	}
	s.seq, s.structure = seq, structure
	return nil
}

// ResourceProvider finds a provider.
func (s *Service) ResourceProvider(ctx context.Context, uuid string) (placement.ResourceProvider, error) {
	p, err := s.store.Provider(ctx, uuid)
	if errors.Is(err, db.ErrNoRow) {
		return p, noProvider(uuid)
	}
	return p, err
}

// State finds a provider with all it has.
func (s *Service) State(ctx context.Context, uuid string) (st placement.ProviderState, err error) {
	err = s.read(ctx, func(snap *placement.Snapshot) error {
		p := snap.Providers[uuid]
		if p == nil {
			return noProvider(uuid)
		}
		st = *p
		return nil
	})
	return st, err
}

// The conflicts of a write that was told an older generation.
var (
	errMoved   = fault.Conflict("resource provider generation conflict").As(CodeConcurrentUpdate)
	errChanged = fault.Conflict("Resource provider's generation already changed. Please update the generation and try again.").As(CodeConcurrentUpdate)
)

// change runs fn as the only one who changes providers.
func (s *Service) change(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// changeProvider changes one provider and raises its generation. generation is
// what the caller believes it to be, nil when it does not say; stale is the
// fault when that is wrong.
func (s *Service) changeProvider(ctx context.Context, id string, generation *int64, stale error, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Provider(ctx, id)
		if errors.Is(err, db.ErrNoRow) {
			return noProvider(id)
		} else if err != nil {
			return err
		}
		if generation != nil && *generation != p.Generation {
			return stale
		}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return tx.Bump(ctx, id, p.Generation)
	})
}

func noProvider(uuid string) error {
	return fault.NotFound("No resource provider with uuid %s found", uuid)
}
