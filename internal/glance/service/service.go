// Package service says what each call of the Image service means: it looks up,
// refuses, records and returns. The sentences that a tenant reads are written
// here. Permissions are asked at the door; what a caller may not see is 404
// here already.
package service

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/protection"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
)

// Deps is what the service needs.
type Deps struct {
	Store    *store.Store
	Backends []Backend // the first is the default
	Worker   string    // name of this process, the same after a restart, no other's
	Clock    clock.Clock
	Events   *messaging.Notifier // nil: nobody listens
	Config   Config
	Cache    *Cache // nil: none

	Staging  string                // directory of the staging area; "": nothing can be imported
	Keys     keymanager.KeyManager // of those who sign images; nil: no certificate is found
	Identity Identity              // for limits and other regions; nil: there are none
	Regions  *http.Client          // to the image services of other regions; nil: a usual one
	Fail     func(point string)    // failpoints of flows; nil: none
}

// Service is the Image service.
type Service struct {
	store    *store.Store
	backends []Backend
	worker   string
	clock    clock.Clock
	events   *messaging.Notifier
	config   Config
	quota    int64 // bytes of a project's images; 0 is unlimited

	cache       *Cache
	cacheWanted chan struct{}

	keys      keymanager.KeyManager
	staging   []*blob.File // what came, then what each plugin made of it
	protected *protection.Rules
	identity  Identity
	web       *http.Client // to what tenants name
	region    *http.Client // to what the catalogue names
	flows     *flow.Engine
	imports   flow.Starter[imageImport]
	locating  flow.Starter[locationImport]
	hashPause time.Duration // between two tries of a location
	progress  progress

	mu     sync.Mutex
	live   map[string]bool   // IDs of the uploads that this process is busy with
	tokens map[string]string // of callers, by the task that needs theirs
}

// New checks what it is given.
func New(d Deps) (*Service, error) {
	if err := d.Config.Check(); err != nil {
		return nil, fmt.Errorf("glance: %w", err)
	}
	if len(d.Backends) == 0 || d.Backends[0].Blobs == nil || d.Worker == "" {
		return nil, fmt.Errorf("glance: a store that can be written to and a worker name are needed")
	}
	quota, err := parseSize(d.Config.UserStorageQuota)
	if err != nil {
		return nil, err
	}
	if d.Clock == nil {
		d.Clock = clock.System
	}
	s := &Service{store: d.Store, backends: d.Backends, worker: d.Worker, clock: d.Clock, events: d.Events, config: d.Config, quota: quota,
		live: map[string]bool{}, cache: d.Cache, hashPause: hashPause, cacheWanted: make(chan struct{}, 1),
		keys: d.Keys, identity: d.Identity, region: d.Regions, tokens: map[string]string{}}
	if s.config.UseKeystoneLimits {
		s.quota = 0
	}
	if s.keys == nil {
		s.keys = keymanager.None{}
	}
	if s.protected, err = protection.Open(s.config.PropertyProtectionFile, s.config.PropertyProtectionRuleFormat); err != nil {
		return nil, fmt.Errorf("glance: %w", err)
	}
	return s, s.openImports(d)
}

// Config is what the service was configured with.
func (s *Service) Config() Config { return s.config }

// Loops heal what crashes leave.
func (s *Service) Loops() []loop.Loop {
	loops := []loop.Loop{
		{Name: "image_uploads", Every: 10 * time.Second, Run: s.healUploads},
		{Name: "image_blobs", Every: 5 * time.Minute, Run: s.tidyBlobs},
		{Name: "image_hashes", Every: time.Minute, Run: s.adoptHashes},
		{Name: "image_scrubber", Every: time.Duration(s.config.WakeupTime) * time.Second, Run: s.scrub},
		{Name: "image_staging", Every: 5 * time.Minute, Run: s.tidyStaging},
		{Name: "tasks", Every: time.Hour, Run: s.expireTasks},
	}
	if s.cache != nil {
		loops = append(loops, loop.Loop{Name: "image_cache", Every: time.Duration(s.config.CachePrefetcherInterval) * time.Second,
			Wake: s.cacheWanted, Run: s.tendCache})
	}
	return loops
}

// seenBy is what the caller may see.
func seenBy(ctx context.Context) glance.Visible {
	caller := auth.Caller(ctx)
	return glance.Visible{All: caller.Admin, Project: caller.ProjectID}
}

// Ping reports whether the database answers.
func (s *Service) Ping(ctx context.Context) error { return s.store.DB().Ping(ctx) }
