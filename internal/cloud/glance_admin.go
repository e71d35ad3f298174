package cloud

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/clock"
)

// GlanceAdmin is what an operator does to the image service beside its API. On
// SQLite it needs the cloud to be down, for only one process may write there.
type GlanceAdmin struct {
	Service *service.Service
	Close   func() error
}

// OpenGlanceAdmin is for the cloud of a configuration that was checked.
func OpenGlanceAdmin(ctx context.Context, cfg Config) (*GlanceAdmin, error) {
	env := &Env{Config: cfg, Clock: clock.System}
	unlock, err := env.soleWriter("glance")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cfg.StateDir, "db"), 0o700); err != nil {
		return nil, errors.Join(err, unlock())
	}
	st, err := store.Open(ctx, env.Database("glance"))
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	end := func() error { return errors.Join(st.DB().Close(), unlock()) }
	svc, err := env.imageService(st, "nacre-admin@"+cfg.Host)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &GlanceAdmin{svc, end}, nil
}
