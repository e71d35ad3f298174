package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/uuid"
)

// BootstrapConfig is what a new cloud begins with. Empty names get the
// original's: admin, admin, admin, service.
type BootstrapConfig struct {
	AdminUser      string
	AdminRole      string
	AdminPassword  string // "" cannot log in with one
	AdminProject   string
	ServiceProject string
	Region         string // "" for none
	Services       []BootstrapService
	Users          []BootstrapUser // service users: roles admin and service on the service project
	Reset          bool            // gives these passwords to users who are there, too, and enables them
	MutableRoles   bool            // roles that are made may be changed and deleted
}

// BootstrapService is a service of the catalogue with its three addresses; "" for none.
type BootstrapService struct {
	Name, Type, Description string
	Public, Internal, Admin string
}

// BootstrapUser is a service user. Without a password it cannot log in with one.
type BootstrapUser struct{ Name, Password string }

// bootstrapRoles are the default roles, and what each implies directly.
var bootstrapRoles = []struct{ name, implies string }{
	{"reader", ""}, {"member", "reader"}, {"manager", "member"}, {"admin", "manager"}, {"service", ""}}

// Bootstrap makes what is missing of a new cloud and changes addresses that
// differ. It may run at every start: what an administrator has changed since,
// passwords above all, stays unless c.Reset. Of what it does, roles that are
// given are not told, as by the original.
func (s *Service) Bootstrap(ctx context.Context, c BootstrapConfig) error {
	for field, name := range map[*string]string{&c.AdminUser: "admin", &c.AdminRole: "admin", &c.AdminProject: "admin", &c.ServiceProject: "service"} {
		if *field == "" {
			*field = name
		}
	}
	hashes, err := s.bootstrapPasswords(ctx, c)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		b := &bootstrap{s: s, tx: tx, reset: c.Reset, immutable: !c.MutableRoles, hashes: hashes, roles: map[string]string{}}
		return b.run(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// bootstrapPasswords hashes the passwords that users do not have yet, at once.
func (s *Service) bootstrapPasswords(ctx context.Context, c BootstrapConfig) (map[string]string, error) {
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		errs   []error
		hashes = map[string]string{}
	)
	for _, u := range append([]BootstrapUser{{c.AdminUser, c.AdminPassword}}, c.Users...) {
		if u.Password == "" {
			continue
		}
		wg.Go(func() {
			hash, err := s.bootstrapPassword(ctx, u, c.Reset)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			hashes[u.Name] = hash
		})
	}
	wg.Wait()
	return hashes, errors.Join(errs...)
}

// bootstrapPassword is the user's hash if it is to stay or fits the password, else a new one.
func (s *Service) bootstrapPassword(ctx context.Context, b BootstrapUser, reset bool) (string, error) {
	u, err := s.store.UserByName(ctx, keystone.DefaultDomainID, b.Name)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return "", err
	}
	if u.ID != "" && !reset {
		return u.PasswordHash, nil
	}
	if u.PasswordHash != "" {
		if ok, err := s.hasher.Matches(ctx, u.PasswordHash, b.Password); ok || err != nil {
			return u.PasswordHash, err
		}
	}
	return s.hasher.Hash(ctx, b.Password)
}

// ProvePassword gives a proof that a user of the default domain has a password,
// "" if it has another. An earlier proof, which holds as long as the password
// does, spares the comparison. ErrNoRow is nobody of that name.
func (s *Service) ProvePassword(ctx context.Context, name, password, earlier string) (proof string, err error) {
	u, err := s.store.UserByName(ctx, keystone.DefaultDomainID, name)
	if err != nil || u.PasswordHash == "" {
		return "", err
	}
	sum := sha256.Sum256([]byte(u.PasswordHash + "\x00" + password))
	if proof = hex.EncodeToString(sum[:]); proof == earlier {
		return proof, nil
	}
	if ok, err := s.hasher.Matches(ctx, u.PasswordHash, password); !ok || err != nil {
		return "", err
	}
	return proof, nil
}

// bootstrap is one run inside its transaction.
type bootstrap struct {
	s         *Service
	tx        *store.Tx
	reset     bool
	immutable bool              // the roles that are made
	hashes    map[string]string // of users, by name
	roles     map[string]string // IDs by name
}

func (b *bootstrap) run(ctx context.Context, c BootstrapConfig) error {
	if err := b.domain(ctx); err != nil {
		return err
	}
	for _, r := range bootstrapRoles {
		if err := b.role(ctx, r.name, r.implies); err != nil {
			return err
		}
	}
	if err := b.role(ctx, c.AdminRole, ""); err != nil {
		return err
	}
	admin, err := b.project(ctx, c.AdminProject, "Bootstrap project for initializing the cloud.")
	if err != nil {
		return err
	}
	service, err := b.project(ctx, c.ServiceProject, "")
	if err != nil {
		return err
	}
	if err := b.admin(ctx, c, admin); err != nil {
		return err
	}
	for _, u := range c.Users {
		if err := b.serviceUser(ctx, u, service); err != nil {
			return err
		}
	}
	return b.catalog(ctx, c)
}

func (b *bootstrap) domain(ctx context.Context) error {
	_, err := b.tx.Project(ctx, keystone.DefaultDomainID)
	if !errors.Is(err, db.ErrNoRow) {
		return err
	}
	d := keystone.Project{ID: keystone.DefaultDomainID, Name: "Default", IsDomain: true, Enabled: true,
		Description: "The default domain", Tags: []string{}, Options: map[string]any{}, Extra: map[string]any{}}
	b.s.notifyProject(ctx, b.tx, created, d)
	return b.tx.InsertProject(ctx, d)
}

// role makes a role that is missing and lets it imply another, "" for none.
func (b *bootstrap) role(ctx context.Context, name, implies string) error {
	r, err := b.tx.RoleByName(ctx, "", name)
	if errors.Is(err, db.ErrNoRow) {
		r = keystone.Role{ID: uuid.Hex(), Name: name, Options: map[string]any{}, Extra: map[string]any{}}
		if b.immutable {
			r.Options["immutable"] = true
		}
		b.s.notify(ctx, b.tx, "role", created, r.ID)
		err = b.tx.InsertRole(ctx, r)
	}
	if err != nil {
		return err
	}
	b.roles[name] = r.ID
	if implies == "" {
		return nil
	}
	return b.tx.AddImplication(ctx, keystone.Implication{PriorID: r.ID, ImpliedID: b.roles[implies]})
}

func (b *bootstrap) project(ctx context.Context, name, description string) (string, error) {
	p, err := b.tx.ProjectByName(ctx, keystone.DefaultDomainID, name)
	if !errors.Is(err, db.ErrNoRow) {
		return p.ID, err
	}
	p = keystone.Project{ID: uuid.Hex(), Name: name, DomainID: keystone.DefaultDomainID, ParentID: keystone.DefaultDomainID, Enabled: true,
		Description: description, Tags: []string{}, Options: map[string]any{}, Extra: map[string]any{}}
	b.s.notifyProject(ctx, b.tx, created, p)
	return p.ID, b.tx.InsertProject(ctx, p)
}

// user makes a user, or, to reset it, enables it and sets its password, if one was given.
func (b *bootstrap) user(ctx context.Context, name string) (string, error) {
	hash := b.hashes[name]
	u, err := b.tx.UserByName(ctx, keystone.DefaultDomainID, name)
	if errors.Is(err, db.ErrNoRow) {
		u = keystone.User{ID: uuid.Hex(), Name: name, DomainID: keystone.DefaultDomainID, Enabled: true, PasswordHash: hash,
			Options: map[string]any{}, Extra: map[string]any{}, CreatedAt: b.s.clock.Now()}
		b.s.notify(ctx, b.tx, "user", created, u.ID)
		return u.ID, b.tx.InsertUser(ctx, u)
	}
	if err != nil || !b.reset || u.Enabled && (hash == "" || hash == u.PasswordHash) {
		return u.ID, err
	}
	u.Enabled = true
	b.s.notify(ctx, b.tx, "user", updated, u.ID)
	if hash != "" && hash != u.PasswordHash {
		u.PasswordHash = hash
		if err := b.s.revoke(ctx, b.tx, keystone.Revocation{UserID: u.ID}); err != nil {
			return u.ID, err
		}
	}
	return u.ID, b.tx.UpdateUser(ctx, u)
}

func (b *bootstrap) grant(ctx context.Context, userID, kind, target string, roles ...string) error {
	for _, role := range roles {
		err := b.tx.AddGrant(ctx, keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: userID, TargetKind: kind, TargetID: target, RoleID: b.roles[role]})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bootstrap) admin(ctx context.Context, c BootstrapConfig, project string) error {
	id, err := b.user(ctx, c.AdminUser)
	if err != nil {
		return err
	}
	return firstError(b.grant(ctx, id, keystone.TargetProject, project, c.AdminRole),
		b.grant(ctx, id, keystone.TargetSystem, keystone.SystemID, c.AdminRole))
}

func (b *bootstrap) serviceUser(ctx context.Context, u BootstrapUser, project string) error {
	id, err := b.user(ctx, u.Name)
	if err != nil {
		return err
	}
	return b.grant(ctx, id, keystone.TargetProject, project, "admin", "service")
}

func (b *bootstrap) catalog(ctx context.Context, c BootstrapConfig) error {
	if b.s.CatalogFixed() {
		return nil
	}
	if c.Region != "" {
		_, err := b.tx.Region(ctx, c.Region)
		if errors.Is(err, db.ErrNoRow) {
			b.s.notify(ctx, b.tx, "region", created, c.Region)
			err = b.tx.InsertRegion(ctx, keystone.Region{ID: c.Region, Extra: map[string]any{}})
		}
		if err != nil {
			return err
		}
	}
	for _, want := range c.Services {
		if err := b.service(ctx, want, c.Region); err != nil {
			return err
		}
	}
	return nil
}

func (b *bootstrap) service(ctx context.Context, want BootstrapService, region string) error {
	found, err := b.tx.Services(ctx, keystone.Filters{{Name: "type", Value: want.Type}, {Name: "name", Value: want.Name}})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		v := keystone.Service{ID: uuid.Hex(), Type: want.Type, Enabled: true, Extra: map[string]any{"name": want.Name}}
		if want.Description != "" {
			v.Extra["description"] = want.Description
		}
		b.s.notify(ctx, b.tx, "service", created, v.ID)
		if err := b.tx.InsertService(ctx, v); err != nil {
			return err
		}
		found = append(found, v)
	}
	have, err := b.tx.Endpoints(ctx, keystone.Filters{{Name: "service_id", Value: found[0].ID}, {Name: "region_id", Value: region}})
	if err != nil {
		return err
	}
	urls := map[string]string{"public": want.Public, "internal": want.Internal, "admin": want.Admin}
	for _, iface := range slices.Sorted(maps.Keys(urls)) {
		if err := b.endpoint(ctx, have, keystone.Endpoint{ServiceID: found[0].ID, Interface: iface, RegionID: region, URL: urls[iface], Enabled: true, Extra: map[string]any{}}); err != nil {
			return err
		}
	}
	return nil
}

// endpoint makes an endpoint, or gives the one that is there its address.
func (b *bootstrap) endpoint(ctx context.Context, have []keystone.Endpoint, want keystone.Endpoint) error {
	if want.URL == "" {
		return nil
	}
	for _, e := range have {
		if e.Interface != want.Interface {
			continue
		}
		if e.URL == want.URL {
			return nil
		}
		e.URL = want.URL
		b.s.notify(ctx, b.tx, "endpoint", updated, e.ID)
		return b.tx.UpdateEndpoint(ctx, e)
	}
	want.ID = uuid.Hex()
	b.s.notify(ctx, b.tx, "endpoint", created, want.ID)
	return b.tx.InsertEndpoint(ctx, want)
}
