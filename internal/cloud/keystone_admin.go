package cloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"nacre/internal/keystone/service"
	"nacre/internal/keystone/token"
	"nacre/internal/keystone/token/memcached"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/jws"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/policy"
)

// Keystone's keys lie in directories of these names, below keystone in the state directory.
const (
	tokenKeys   = "fernet-keys"
	receiptKeys = "receipt-keys"
	jwsKeys     = "jws-keys"
)

// fernetDirs are the repositories that fernet-setup and fernet-rotate are about.
var fernetDirs = []string{tokenKeys, receiptKeys}

// KeystoneAdmin is what an operator does to the identity service beside its
// API. On SQLite what changes the database needs the cloud to be down, for
// only one process may write there.
type KeystoneAdmin struct{ env *Env }

// NewKeystoneAdmin is for the cloud of a configuration that was checked.
func NewKeystoneAdmin(cfg Config) KeystoneAdmin {
	return KeystoneAdmin{&Env{Config: cfg, Clock: clock.System}}
}

func (a KeystoneAdmin) dir(name string) string {
	return filepath.Join(a.env.Config.StateDir, "keystone", name)
}

// FernetSetup makes the keys of tokens and receipts that are missing; it gives their directories.
func (a KeystoneAdmin) FernetSetup() ([]string, error) {
	var dirs []string
	for _, name := range fernetDirs {
		if _, err := fernetRepository(a.env, name); err != nil {
			return dirs, err
		}
		dirs = append(dirs, a.dir(name))
	}
	return dirs, nil
}

// FernetRotate brings the staged keys of tokens and receipts into use. A
// running cloud notices. One whose tokens are of another kind has only the latter.
func (a KeystoneAdmin) FernetRotate() ([]string, error) {
	var dirs []string
	for _, name := range fernetDirs {
		if _, err := os.Stat(a.dir(name)); name == tokenKeys && a.env.Config.TokenProvider != "fernet" && errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return dirs, fmt.Errorf("no keys to rotate: %w", err)
		}
		keys, err := fernetRepository(a.env, name)
		if err == nil {
			err = keys.Rotate()
		}
		if err != nil {
			return dirs, err
		}
		dirs = append(dirs, a.dir(name))
	}
	return dirs, nil
}

// JWSSetup makes the pairs of keys that sign tokens, where they are missing.
func (a KeystoneAdmin) JWSSetup() (dir string, err error) {
	if dir, err = a.env.keyDir(jwsKeys); err != nil {
		return "", err
	}
	_, err = jws.Open(dir)
	return dir, err
}

// JWSRotate brings the next pair of keys into use. A running cloud notices.
func (a KeystoneAdmin) JWSRotate() (dir string, err error) {
	if _, err := os.Stat(a.dir(jwsKeys)); err != nil {
		return "", fmt.Errorf("no keys to rotate: %w", err)
	}
	keys, err := jws.Open(a.dir(jwsKeys))
	if err != nil {
		return "", err
	}
	return a.dir(jwsKeys), keys.Rotate(jws.DefaultRetired)
}

// Bootstrap makes what a new cloud needs, or gives the administrator access again.
func (a KeystoneAdmin) Bootstrap(ctx context.Context, c service.BootstrapConfig) error {
	c.Reset = true
	return a.change(ctx, func(svc identity) error { return svc.Bootstrap(ctx, c) })
}

// TokenFlush forgets stored tokens that are of no use any more; it says how many.
func (a KeystoneAdmin) TokenFlush(ctx context.Context) (n int64, err error) {
	err = a.change(ctx, func(svc identity) error {
		n, err = svc.FlushTokens(ctx)
		return err
	})
	return n, err
}

// change calls fn with a service that may write.
func (a KeystoneAdmin) change(ctx context.Context, fn func(svc identity) error) error {
	unlock, err := a.env.soleWriter("keystone")
	if err != nil {
		return err
	}
	defer unlock()
	defer a.tell(ctx)()
	svc, err := openIdentity(ctx, a.env)
	if err != nil {
		return err
	}
	return errors.Join(fn(svc), svc.close())
}

// tell has what is changed told on the bus of the cloud, if others hear that,
// until stop. A bus that is away keeps nobody from changing it.
func (a KeystoneAdmin) tell(ctx context.Context) (stop func()) {
	if a.env.Config.Bus == "" {
		return func() {}
	}
	bus, err := openBus(a.env.Config.Bus)
	if err != nil {
		slog.WarnContext(ctx, "no event is told of this", "error", err)
		return func() {}
	}
	a.env.Events = messaging.NewNotifier(bus, a.env.Clock, nil)
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		a.env.Events.Close(ctx)
		bus.Close()
	}
}

// Doctor looks for what is wrong with keys, policy, database and what it says. The
// cloud may be running, and be of an older version.
func (a KeystoneAdmin) Doctor(ctx context.Context) ([]Problem, error) {
	problems := a.keyProblems()
	cfg := a.env.Config
	rules, err := DefaultPolicy("keystone")
	if err != nil {
		return nil, err
	}
	overrides := cfg.PolicyFile("keystone")
	if _, err := policy.New(rules, overrides); err != nil {
		problems = append(problems, Problem{What: "the policy cannot be read: " + err.Error(), Fix: "mend " + overrides + "; nacre policy keystone shows the language"})
	}
	if servers := cfg.memcached(); cfg.TokenProvider == "uuid" && len(servers) > 0 {
		shelf := memcached.New(servers...)
		if err := errors.Join(shelf.Ping(), shelf.Close()); err != nil {
			problems = append(problems, Problem{What: "tokens cannot be kept: " + err.Error(), Fix: "start memcached, or change token_store"})
		}
	}
	if _, err := os.Stat(a.dir("")); errors.Is(err, fs.ErrNotExist) {
		return append(problems, Problem{What: "no cloud has run on " + cfg.StateDir, Fix: "nacre up, or nacre admin keystone bootstrap"}), nil
	}
	svc, err := openIdentity(ctx, a.env, db.AsItIs())
	if errors.Is(err, db.ErrOld) {
		return append(problems, Problem{What: "the database is not looked at, for it is of another version of Nacre", Fix: "start the cloud with this version, which brings the database up to date"}), nil
	} else if err != nil {
		return append(problems, Problem{What: "the database does not open: " + err.Error(), Fix: "look at the option database"}), nil
	}
	symptoms, err := svc.Doctor(ctx)
	for _, s := range symptoms {
		problems = append(problems, Problem{What: s.What, Fix: s.Remedy})
	}
	return problems, errors.Join(err, svc.close())
}

// keyProblems looks at the repositories that the configuration needs.
func (a KeystoneAdmin) keyProblems() (problems []Problem) {
	needed := []string{receiptKeys, credentialKeys}
	setup := map[string]string{receiptKeys: "fernet-setup", tokenKeys: "fernet-setup", credentialKeys: "credential-setup", jwsKeys: "jws-setup"}
	switch a.env.Config.TokenProvider {
	case "fernet":
		needed = append(needed, tokenKeys)
	case "jws":
		needed = append(needed, jwsKeys)
	}
	for _, name := range needed {
		st, err := os.Stat(a.dir(name))
		if err != nil {
			problems = append(problems, Problem{What: "keys are missing: " + err.Error(), Fix: "nacre admin keystone " + setup[name]})
			continue
		}
		if st.Mode().Perm()&0o077 != 0 {
			problems = append(problems, Problem{What: fmt.Sprintf("%s is open to others (%v): who reads keys can make tokens", a.dir(name), st.Mode().Perm()),
				Fix: "chmod 700 " + a.dir(name)})
		}
		if name != jwsKeys {
			problems = append(problems, a.fernetProblems(name)...)
		}
	}
	return append(problems, a.sharedKeys()...)
}

// fernetProblems looks at one repository of Fernet keys.
func (a KeystoneAdmin) fernetProblems(name string) []Problem {
	keys, staged, err := token.Inspect(a.dir(name))
	switch {
	case err != nil:
		return []Problem{{What: err.Error(), Fix: "put good keys into " + a.dir(name)}}
	case !staged:
		return []Problem{{What: a.dir(name) + " has no staged key 0: it cannot be rotated", Fix: "copy a key of another controller there as 0"}}
	case len(keys) == 1:
		return []Problem{{What: a.dir(name) + " has no key but the staged one, which signs", Fix: "nacre admin keystone fernet-rotate"}}
	case len(keys) > fernetKeys:
		return []Problem{{What: fmt.Sprintf("%s has %d keys, more than %d: old ones still open tokens", a.dir(name), len(keys), fernetKeys),
			Fix: "nacre admin keystone fernet-rotate"}}
	}
	return nil
}

// sharedKeys looks for keys that serve two purposes.
func (a KeystoneAdmin) sharedKeys() (problems []Problem) {
	used := map[token.Key]string{}
	for _, name := range []string{tokenKeys, receiptKeys, credentialKeys} {
		keys, _, _ := token.Inspect(a.dir(name)) // what is wrong with them was told
		for _, k := range keys {
			if other := used[k]; other != "" && other != name {
				problems = append(problems, Problem{What: fmt.Sprintf("%s and %s share a key", a.dir(other), a.dir(name)),
					Fix: "rotate the keys until they do not"})
			}
			used[k] = name
		}
	}
	return problems
}
