package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// backend is where the users and groups of one domain are kept.
type backend struct {
	identity.Driver
	name    string // of the driver
	options map[string]any
	domain  string
	public  bool  // its IDs are ours
	broken  error // why there is no driver: the configuration makes no sense
}

// of is the backend of a domain, or nil if that is kept in our tables.
func (i *identities) of(ctx context.Context, domainID string) (*backend, error) {
	all, err := i.all(ctx)
	if b := all[domainID]; err == nil && b != nil {
		return b, b.usable()
	}
	return nil, err
}

func (b *backend) usable() error {
	if b.broken != nil {
		return b.trouble(b.broken)
	}
	return nil
}

// Close ends the connections.
func (b *backend) Close() error {
	if b.broken != nil {
		return nil
	}
	return b.Driver.Close()
}

// all are the backends by domain. They are made anew when the configuration of
// their domain changes.
func (i *identities) all(ctx context.Context) (map[string]*backend, error) {
	revision, err := i.s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.backends != nil && revision <= i.revision {
		return i.backends, nil
	}
	wanted, err := i.configured(ctx)
	if err != nil {
		return nil, err
	}
	next := map[string]*backend{}
	limits := map[string]int{}
	for domainID, config := range wanted {
		if n, err := strconv.Atoi(fmt.Sprint(config["identity"]["list_limit"])); err == nil {
			limits[domainID] = n
		}
		if b := i.backend(ctx, domainID, config); b != nil {
			next[domainID] = b
		}
	}
	for domainID, old := range i.backends {
		if next[domainID] != old {
			old.Close()
		}
	}
	i.backends, i.limits, i.revision = next, limits, revision
	return next, nil
}

// configured are the configurations of all domains that have one.
func (i *identities) configured(ctx context.Context) (map[string]keystone.DomainConfig, error) {
	out := map[string]keystone.DomainConfig{}
	if i.cfg.Driver != "" && i.cfg.Driver != sqlDriver {
		out[keystone.DefaultDomainID] = keystone.DomainConfig{}
	}
	if !i.cfg.IgnoreDatabase {
		rows, err := i.s.store.DomainOptions(ctx, "", "", "")
		if err != nil {
			return nil, err
		}
		of := map[string][]keystone.DomainOption{}
		for _, o := range rows {
			of[o.DomainID] = append(of[o.DomainID], o)
		}
		for domainID, options := range of {
			if out[domainID], err = fullConfig(ctx, options); err != nil {
				return nil, err
			}
		}
	}
	for name, config := range i.cfg.Domains {
		d, err := i.s.store.ProjectByName(ctx, "", name)
		if errors.Is(err, db.ErrNoRow) {
			continue // until somebody makes the domain
		} else if err != nil {
			return nil, err
		}
		out[d.ID] = config
	}
	return out, nil
}

// backend is the one that a configuration asks for, the one at hand if it has
// asked for the same before, or nil for our tables.
func (i *identities) backend(ctx context.Context, domainID string, config keystone.DomainConfig) *backend {
	b := &backend{domain: domainID}
	if b.name, _ = config["identity"]["driver"].(string); b.name == "" && domainID == keystone.DefaultDomainID {
		b.name, b.public = i.cfg.Driver, !i.cfg.MapDefault
	}
	if b.name == "" || b.name == sqlDriver {
		return nil
	}
	b.options = config[b.name]
	if len(b.options) == 0 {
		b.options = i.cfg.Options[b.name]
	}
	if had := i.backends[domainID]; had != nil && had.name == b.name && had.public == b.public && reflect.DeepEqual(had.options, b.options) {
		return had
	}
	if connect, known := i.cfg.Drivers[b.name]; known {
		b.Driver, b.broken = connect(b.options)
	} else {
		b.broken = errors.New("there is no such identity driver")
	}
	if b.broken != nil {
		slog.ErrorContext(ctx, "the users of a domain cannot be looked up", "domain", domainID, "driver", b.name, "error", b.broken)
	}
	return b
}

// Close ends the connections of all backends.
func (i *identities) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var errs []error
	for _, b := range i.backends {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// elsewhere is the backend of a user or group that is not in our tables, and
// the ID it has there; ErrNoRow if no backend is known to have it.
func (i *identities) elsewhere(ctx context.Context, kind, id string) (*backend, string, error) {
	all, err := i.all(ctx)
	if err != nil || len(all) == 0 {
		return nil, "", firstError(err, db.ErrNoRow)
	}
	m, err := i.s.store.IDMapping(ctx, id)
	if b := all[m.DomainID]; err == nil && m.EntityType == kind && b != nil {
		return b, m.LocalID, b.usable()
	}
	if b := all[keystone.DefaultDomainID]; errors.Is(err, db.ErrNoRow) && b != nil && b.public {
		return b, id, b.usable()
	}
	return nil, "", firstError(err, db.ErrNoRow)
}

// trouble is what the caller may know of an error of a backend.
func (b *backend) trouble(err error) error {
	err = fmt.Errorf("%s of domain %s: %w", b.name, b.domain, err)
	sentence := ""
	switch {
	case errors.Is(err, identity.ErrSizeLimit):
		sentence = "Number of User/Group entities returned by LDAP exceeded size limit. Contact your LDAP administrator."
	case errors.Is(err, identity.ErrOurPassword):
		sentence = "Unable to authenticate against Identity backend - Invalid username or password"
	default:
		return err
	}
	f := fault.New(http.StatusInternalServerError, "%s", sentence).Cause(err)
	f.Body = map[string]any{"error": map[string]any{"code": f.Status, "message": f.Message, "title": http.StatusText(f.Status)}}
	return f
}
