// Package protection says who may create, read, update and delete which
// properties of images, by the original's property protection file.
//
// The file has a section for each set of properties, whose name is a regular
// expression that is looked for in a property's name. The first that is found
// decides; a property that none is found in is nobody's. What the service keeps
// in properties for itself is not protected.
package protection

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/policy"
)

// Operation is what somebody wants to do to a property.
type Operation string

// The operations, as the file names them.
const (
	Create Operation = "create"
	Read   Operation = "read"
	Update Operation = "update"
	Delete Operation = "delete"
)

var operations = []Operation{Create, Read, Update, Delete}

// The formats of rules.
const (
	Roles    = "roles"    // each operation has a list of roles
	Policies = "policies" // each operation has the name of a rule of the service's policy
)

// Rules are those of a file, which is read anew when it has changed. A nil
// Rules allows everything.
type Rules struct {
	file, format string
	now          atomic.Pointer[[]section]
	policy       *policy.Enforcer // of the format policies; nil allows nothing

	mu    sync.Mutex
	seen  time.Time // modification time of the file that was read last
	asked time.Time // when the file was last looked at
}

// Open reads a file and reports each of its mistakes. Without a file there are no rules.
func Open(file, format string) (*Rules, error) {
	if file == "" {
		return nil, nil
	}
	r := &Rules{file: file, format: format}
	r.asked = time.Now()
	return r, r.load()
}

func (r *Rules) load() error {
	info, err := os.Stat(r.file)
	if err != nil {
		return fmt.Errorf("property_protection_file: %w", err)
	}
	r.seen = info.ModTime()
	text, err := os.ReadFile(r.file)
	if err != nil {
		return fmt.Errorf("property_protection_file: %w", err)
	}
	sections, err := parse(string(text), r.format)
	if err == nil {
		err = r.ruled(sections)
	}
	if err != nil {
		return fmt.Errorf("property_protection_file %s: %w", r.file, err)
	}
	r.now.Store(&sections)
	return nil
}

// By gives the rules that a file of the format policies names. One that is not
// there is a mistake of the file.
func (r *Rules) By(e *policy.Enforcer) error {
	if r == nil || r.format != Policies {
		return nil
	}
	r.policy = e
	if err := r.ruled(*r.now.Load()); err != nil {
		return fmt.Errorf("property_protection_file %s: %w", r.file, err)
	}
	return nil
}

// ruled reports rules that the policy does not have.
func (r *Rules) ruled(sections []section) error {
	if r.policy == nil {
		return nil
	}
	var errs []error
	for _, s := range sections {
		for _, op := range operations {
			if a := s.allow[op]; len(a.names) > 0 && !r.policy.Has(a.names[0]) {
				errs = append(errs, fmt.Errorf("line %d: %s: the policy has no rule %q", a.line, op, a.names[0]))
			}
		}
	}
	return errors.Join(errs...)
}

// reloadEvery is how often, at most, the file is looked at.
const reloadEvery = time.Second

// current are the sections of the file as it is. One that has become wrong
// leaves those that were right.
func (r *Rules) current() []section {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.asked) > reloadEvery {
		r.asked = now
		if info, err := os.Stat(r.file); err == nil && !info.ModTime().Equal(r.seen) {
			if err := r.load(); err != nil {
				slog.Error("property protections stay as they were", "error", err)
			} else {
				slog.Info("property protections read anew", "file", r.file)
			}
		}
	}
	return *r.now.Load()
}

// May reports whether somebody may do that to a property.
func (r *Rules) May(who auth.Identity, op Operation, property string) bool {
	if r == nil || strings.HasPrefix(property, glance.ReservedNamespace) {
		return true
	}
	return r.may(r.current(), who, op, property)
}

func (r *Rules) may(sections []section, who auth.Identity, op Operation, property string) bool {
	i := slices.IndexFunc(sections, func(s section) bool { return s.name.MatchString(property) })
	if i < 0 {
		return false
	}
	a := sections[i].allow[op]
	switch {
	case a.nobody:
		return false
	case a.everybody:
		return true
	case r.format == Policies:
		return len(a.names) > 0 && r.policy != nil && r.policy.Allowed(who, a.names[0], policy.Target{})
	}
	return slices.ContainsFunc(a.names, func(role string) bool {
		same := func(have string) bool { return strings.EqualFold(have, role) }
		return slices.ContainsFunc(who.Roles, same) || slices.ContainsFunc(who.ServiceRoles, same)
	})
}

// Reader tells which properties somebody may read, each asked once. It is nil
// where all may be read, and is for one request.
func (r *Rules) Reader(who auth.Identity) func(property string) bool {
	if r == nil {
		return nil
	}
	sections, known := r.current(), map[string]bool{}
	return func(property string) bool {
		if strings.HasPrefix(property, glance.ReservedNamespace) {
			return true
		}
		may, asked := known[property]
		if !asked {
			may = r.may(sections, who, Read, property)
			known[property] = may
		}
		return may
	}
}
