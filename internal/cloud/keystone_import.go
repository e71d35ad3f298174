package cloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"nacre/internal/keystone"
	"nacre/internal/keystone/original"
	"nacre/internal/keystone/token"
)

// KeystoneImport says where an original Keystone is.
type KeystoneImport struct {
	From    string // URL of its database
	Keys    string // the directory with its key repositories: /etc/keystone
	Replace bool   // what is here already
}

// KeystoneImported is what was taken over.
type KeystoneImported struct {
	Releases []string // from which on the database's schema is as it is
	Counts   []keystone.Count
	Keys     []string // directories of keys that were written
	Left     []string // what was not taken, and what will not work as before
}

// Import takes over everything that an original Keystone knows, with its keys,
// so that passwords, tokens and credentials stay good. The original is only
// read. Keys are copied when the database is written: a refusal changes nothing.
func (a KeystoneAdmin) Import(ctx context.Context, from KeystoneImport) (done KeystoneImported, err error) {
	contents, report, err := original.Read(ctx, from.From, a.env.Clock.Now())
	if err != nil {
		return done, err
	}
	if err := a.reseal(contents.Credentials, filepath.Join(from.Keys, credentialKeys)); err != nil {
		return done, err
	}
	err = a.change(ctx, func(svc identity) error {
		done.Left, err = svc.Import(ctx, contents, from.Replace)
		return err
	})
	if err != nil {
		return done, err
	}
	done.Releases, done.Counts, done.Left = report.Releases, contents.Counts(), append(report.Left, done.Left...)
	if _, err := keyFiles(filepath.Join(from.Keys, tokenKeys)); errors.Is(err, fs.ErrNotExist) {
		done.Left = append(done.Left, "the keys of tokens, for "+filepath.Join(from.Keys, tokenKeys)+" has none: users log in again")
	}
	if done.Keys, err = a.importKeys(from.Keys); err != nil {
		err = fmt.Errorf("the database is written but the keys are not, copy them yourself: %w", err)
	}
	return done, err
}

// reseal seals credentials as we do, with the primary one of the original's
// keys. It refuses those which none of these opens.
func (a KeystoneAdmin) reseal(credentials []keystone.Credential, dir string) error {
	if len(credentials) == 0 {
		return nil
	}
	if _, _, err := token.Inspect(dir); err != nil {
		return fmt.Errorf("%d credentials are sealed, and their keys are not at hand: %w", len(credentials), err)
	}
	keys, err := token.OpenRepository(dir, fernetKeys)
	if err != nil {
		return err
	}
	for i := range credentials {
		c := &credentials[i]
		if c.Blob, err = keys.Decrypt(c.Sealed); err != nil {
			return fmt.Errorf("no key in %s opens credential %s; on the original run keystone-manage credential_migrate: %w", dir, c.ID, err)
		}
		if c.Sealed, c.KeyHash, err = keys.Encrypt(original.Unwrap(*c), a.env.Clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

// importKeys copies the repositories that the original has.
func (a KeystoneAdmin) importKeys(from string) (written []string, err error) {
	for _, name := range []string{tokenKeys, credentialKeys} {
		to, err := a.env.keyDir(name)
		if err != nil {
			return written, err
		}
		switch err := copyKeys(filepath.Join(from, name), to); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return written, err
		}
		written = append(written, to)
	}
	return written, nil
}

// copyKeys makes a repository of Fernet keys the same as another.
func copyKeys(from, to string) error {
	names, err := keyFiles(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = writePrivate(filepath.Join(to, name), text)
		}
		if err != nil {
			return err
		}
	}
	had, err := keyFiles(to)
	if err != nil {
		return err
	}
	for _, name := range had {
		if !slices.Contains(names, name) {
			if err := os.Remove(filepath.Join(to, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyFiles are the files of a repository that are keys.
func keyFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if _, no := strconv.Atoi(e.Name()); no == nil && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s holds no keys: %w", dir, fs.ErrNotExist)
	}
	return names, err
}
