package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"nacre/internal/keystone/api"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/keystone/token/memcached"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/jws"
)

var keystoneEntry = Catalog{Name: "keystone", Type: "identity", Port: 5000, Path: "/v3", Description: "OpenStack Identity"}

// Keystone is the identity service.
var Keystone = Service{Name: "keystone", Catalog: keystoneEntry,
	Processes: []Process{{Name: "keystone", Start: startKeystone, Alone: true}},
	NewAPI:    func() (*httpapi.API, error) { return api.New(nil, httpapi.Door{}) }}

// fernetKeys is how many keys are kept, [fernet_tokens] max_active_keys.
const fernetKeys = 3

// identity is the service with what it holds open.
type identity struct {
	*service.Service
	close func() error
}

func openIdentity(ctx context.Context, env *Env, opts ...db.Option) (identity, error) {
	st, err := store.Open(ctx, env.Database("keystone"), append(opts, env.commitPoints("keystone")...)...)
	if err != nil {
		return identity{}, err
	}
	tokens, closeTokens, err := tokenProvider(env, st)
	if err != nil {
		return identity{}, errors.Join(err, st.Close())
	}
	end := func() error { return errors.Join(closeTokens(), st.Close()) }
	keys, err := fernetRepository(env, receiptKeys)
	if err != nil {
		return identity{}, errors.Join(err, end())
	}
	secrets, err := fernetRepository(env, credentialKeys)
	if err != nil {
		return identity{}, errors.Join(err, end())
	}
	parties, err := federation(env)
	if err != nil {
		return identity{}, errors.Join(err, end())
	}
	users, err := env.Config.Keystone.identity()
	if err != nil {
		return identity{}, errors.Join(err, end())
	}
	port := fmt.Sprint(keystoneEntry.Port + env.Config.PortOffset)
	template, err := env.Config.Keystone.Catalog.template(map[string]string{"public_port": port})
	if err != nil {
		return identity{}, errors.Join(err, end())
	}
	svc := service.New(service.Deps{Store: st, Tokens: tokens, CredentialKeys: secrets, SSO: parties, Events: env.Events.As("identity." + env.Config.Host), Identity: users, Template: template,
		Receipts: token.NewReceipts(keys, env.Config.AuthMethods), Clock: env.Clock,
		Config: env.Config.Keystone.apply(service.Config{Expiration: env.Config.TokenExpiry, Methods: env.Config.AuthMethods,
			PasswordHashRounds: env.Config.PasswordHashRounds})})
	return identity{svc, func() error { return errors.Join(svc.Close(), end()) }}, nil
}

func startKeystone(ctx context.Context, env *Env) (Running, error) {
	svc, err := openIdentity(ctx, env)
	if err != nil {
		return Running{}, err
	}
	if env.Config.whole() {
		err := env.proveAdmin(ctx, svc.Service)
		if err == nil {
			err = svc.Bootstrap(ctx, bootstrap(env))
		}
		if err != nil {
			return Running{}, errors.Join(err, svc.close())
		}
	}
	run := Running{Work: loops(svc.Loops()), Close: svc.close, Healthy: svc.Healthy}
	if err := identityAPIs(&run, svc.Service, env); err != nil {
		return Running{}, errors.Join(err, svc.close())
	}
	env.identify(svc, svc.IssueFor)
	return run, nil
}

// proveAdmin finds out whether we have the administrator's password, or are
// given it now: one who was here before the first start, as after an import,
// or who has changed it since, has another. It runs before Bootstrap, which
// gives ours to an administrator who is not there yet.
func (e *Env) proveAdmin(ctx context.Context, svc *service.Service) error {
	for _, password := range []string{e.Secrets.AdminPassword, e.Config.AdminPassword} {
		if password == "" {
			continue
		}
		proof, err := svc.ProvePassword(ctx, "admin", password, e.Secrets.AdminProof)
		if errors.Is(err, db.ErrNoRow) {
			e.adminKnown = true
			return nil
		} else if err != nil {
			return err
		}
		if e.adminKnown = proof != ""; e.adminKnown {
			if proof == e.Secrets.AdminProof {
				return nil
			}
			e.Secrets.AdminPassword, e.Secrets.AdminProof = password, proof
			return e.Secrets.save(e.Config.StateDir)
		}
	}
	slog.WarnContext(ctx, "the administrator's password is not known, openrc is without: "+adminUnknown)
	return nil
}

// adminUnknown is what to do then.
const adminUnknown = "give it to nacre up once as NACRE_ADMIN_PASSWORD; if nobody knows it, stop the cloud and set one by nacre admin keystone bootstrap before"

// identityAPIs makes what is served: version 3, and, if it is wanted, version
// 2.0 beside it, on the port for administrators, too.
func identityAPIs(run *Running, svc *service.Service, env *Env) (err error) {
	door := env.Door("keystone")
	door.Expired = nil // what has expired is of no use here, as in the original, whoever vouches for it
	if !env.Config.Keystone.V2 {
		run.API, err = api.New(svc, door)
		return err
	}
	admins := door
	if admins.PublicURL != "" {
		admins.PublicURL = env.URL(identityAdminPort)
	}
	admin, err := api.NewV2(svc, admins, api.V2Admin)
	if err != nil {
		return err
	}
	run.Also = map[int]http.Handler{identityAdminPort: admin}
	run.API, err = api.NewV2(svc, door, api.V2Public)
	return err
}

// identityAdminPort is Keystone's port for administrators, which only version 2.0 has.
const identityAdminPort = 35357

// tokenProvider makes and reads tokens; the function ends its connections.
func tokenProvider(env *Env, st *store.Store) (token.Provider, func() error, error) {
	none := func() error { return nil }
	kept := env.Config.Keystone.allowExpired()
	switch env.Config.TokenProvider {
	case "jws":
		dir, err := env.keyDir(jwsKeys)
		if err != nil {
			return nil, nil, err
		}
		keys, err := jws.Open(dir)
		return token.NewJWS(keys), none, err
	case "uuid":
		if servers := env.Config.memcached(); len(servers) > 0 {
			shelf := memcached.New(servers...)
			return token.NewStored(shelf, kept), shelf.Close, nil
		}
		return token.NewStored(st.Tokens(), kept), none, nil
	}
	keys, err := fernetRepository(env, tokenKeys)
	return token.NewFernet(keys, env.Config.AuthMethods), none, err
}

func fernetRepository(env *Env, name string) (*token.Repository, error) {
	dir, err := env.keyDir(name)
	if err != nil {
		return nil, err
	}
	return token.OpenRepository(dir, fernetKeys)
}

// keyDir is where keys of the identity service are, closed to others.
func (e *Env) keyDir(name string) (string, error) {
	parent, err := e.Dir("keystone")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(parent, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keys: %w", err)
	}
	return dir, nil
}

// federation is with whom this cloud is in federation, with keys of its own.
func federation(env *Env) (*sso.Parties, error) {
	dir, err := env.keyDir("federation")
	if err != nil {
		return nil, err
	}
	key, err := sso.SealKey(filepath.Join(dir, "login.key"))
	if err != nil {
		return nil, err
	}
	c := env.Config.Federation
	if c.PublicURL == "" {
		c.PublicURL = env.PublicURL(keystoneEntry) + keystoneEntry.Path
	}
	return sso.New(c, key, dir, env.Clock)
}

// bootstrap lists what identity must know of this cloud.
func bootstrap(env *Env) service.BootstrapConfig {
	c := service.BootstrapConfig{AdminPassword: env.Secrets.AdminPassword, Region: env.Config.Region}
	for _, s := range Catalogue {
		url := env.PublicURL(s) + s.Path
		v := service.BootstrapService{Name: s.Name, Type: s.Type, Description: s.Description, Public: url, Internal: url, Admin: url}
		if s.Name == keystoneEntry.Name && env.Config.Keystone.V2 {
			v.Admin = env.URL(identityAdminPort) + s.Path
		}
		c.Services = append(c.Services, v)
	}
	for _, u := range serviceUsers {
		c.Users = append(c.Users, service.BootstrapUser{Name: u, Password: env.Secrets.Services[u]})
	}
	return c
}

// identify tells the other processes of this cloud who validates and issues tokens.
func (e *Env) identify(v validator, issue func(ctx context.Context, user, project string) (string, time.Time, error)) {
	e.validator.Store(&v)
	e.issue = issue
}

// errNoIdentity is the answer before Keystone has started.
var errNoIdentity = errors.New("the identity service has not started")

// identity is the validator of this cloud.
func (e *Env) identity() validator {
	if v := e.validator.Load(); v != nil {
		return *v
	}
	return absent{}
}

type absent struct{}

func (absent) Validate(context.Context, string) (auth.Identity, error) {
	return auth.Identity{}, errNoIdentity
}

func (absent) ValidateExpired(context.Context, string) (auth.Identity, error) {
	return auth.Identity{}, errNoIdentity
}
