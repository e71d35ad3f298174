package token

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"nacre/internal/oslo/config"
)

// DefaultActiveKeys is the original's [fernet_tokens] max_active_keys.
const DefaultActiveKeys = 3

// Repository is a directory of Fernet keys, shared with other processes and
// with the original.
type Repository struct {
	dir string
	max int

	mu   sync.Mutex
	seen time.Time // modification time of dir that keys were read at; zero if it may not tell of the next change
	keys []Key     // primary first

	generation uint64 // how often keys have changed
}

// OpenRepository uses the keys in dir. An empty or absent one is filled with
// a primary and a staged key. At most active keys are kept; 0 is the default.
func OpenRepository(dir string, active int) (*Repository, error) {
	if active == 0 {
		active = DefaultActiveKeys
	}
	if active < 2 {
		return nil, fmt.Errorf("fernet keys: %d active keys are too few", active)
	}
	r := &Repository{dir: dir, max: active}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("fernet keys: %w", err)
	}
	numbers, err := r.numbers()
	if err == nil && len(numbers) == 0 {
		err = errors.Join(r.stage(), r.Rotate())
	}
	if err != nil {
		return nil, fmt.Errorf("fernet keys: %w", err)
	}
	_, err = r.Keys()
	return r, err
}

// numbers lists the key files, highest first.
func (r *Repository) numbers() ([]int, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	found := map[int]bool{}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n >= 0 && e.Type().IsRegular() {
			found[n] = true
		}
	}
	numbers := slices.Sorted(maps.Keys(found))
	slices.Reverse(numbers)
	return numbers, nil
}

func (r *Repository) path(n int) string { return filepath.Join(r.dir, strconv.Itoa(n)) }

// stage writes a new key 0.
func (r *Repository) stage() error {
	k, err := NewKey()
	if err != nil {
		return err
	}
	tmp := filepath.Join(r.dir, "0.tmp")
	if err := os.WriteFile(tmp, []byte(k.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, r.path(0))
}

// Rotate makes the staged key the primary one, stages a new one and removes
// the oldest beyond the number of active keys. Tokens sealed with a removed
// key are invalid, so rotate no more often than (active-2) token lifetimes.
func (r *Repository) Rotate() error {
	numbers, err := r.numbers()
	if err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	if len(numbers) == 0 || numbers[len(numbers)-1] != 0 {
		return fmt.Errorf("rotate keys: %s holds no staged key 0", r.dir)
	}
	next := numbers[0] + 1
	if err := errors.Join(os.Rename(r.path(0), r.path(next)), r.stage()); err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	kept := append([]int{next}, numbers[:len(numbers)-1]...)
	for _, old := range kept[min(len(kept), r.max-1):] {
		if err := os.Remove(r.path(old)); err != nil {
			return fmt.Errorf("rotate keys: %w", err)
		}
	}
	return nil
}

// Keys gives all keys, the primary first, read again when the directory has changed.
func (r *Repository) Keys() ([]Key, error) {
	keys, _, err := r.current()
	return keys, err
}

func (r *Repository) current() ([]Key, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st, err := os.Stat(r.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("fernet keys: %w", err)
	}
	if r.keys != nil && st.ModTime().Equal(r.seen) {
		return r.keys, r.generation, nil
	}
	settled := config.Settled(st.ModTime())
	keys, err := r.read()
	if err != nil {
		return nil, 0, err
	}
	if !slices.Equal(keys, r.keys) {
		r.keys = keys
		r.generation++
	}
	if r.seen = (time.Time{}); settled {
		r.seen = st.ModTime()
	}
	return r.keys, r.generation, nil
}

func (r *Repository) read() ([]Key, error) {
	numbers, err := r.numbers()
	if err != nil {
		return nil, fmt.Errorf("fernet keys: %w", err)
	}
	var keys []Key
	for _, n := range numbers {
		text, err := os.ReadFile(r.path(n))
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(text) == 0 {
			continue // rotated away, or not written yet
		} else if err != nil {
			return nil, fmt.Errorf("fernet keys: %w", err)
		}
		k, err := ParseKey(string(text))
		if err != nil {
			return nil, fmt.Errorf("fernet key %s: %w", r.path(n), err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("fernet keys: %s holds none", r.dir)
	}
	return keys, nil
}

// Inspect reads the keys in dir, the primary first, and whether one is staged.
// It changes nothing.
func Inspect(dir string) (keys []Key, staged bool, err error) {
	r := &Repository{dir: dir}
	numbers, err := r.numbers()
	if err != nil {
		return nil, false, fmt.Errorf("fernet keys: %w", err)
	}
	keys, err = r.read()
	return keys, slices.Contains(numbers, 0), err
}
