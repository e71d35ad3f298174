package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/config"
	"nacre/internal/oslo/fault"
)

// Enforcer answers whether an identity may do something.
type Enforcer struct {
	defaults map[string]Rule
	file     string
	now      atomic.Pointer[compiled]

	mu    sync.Mutex
	seen  time.Time // modification time of the file that now was made from
	again bool      // the next change may bear the same time
	asked time.Time // when the file was last looked at
}

type compiled struct {
	nodes  map[string]node
	scopes map[string][]string
	checks map[string]string
}

// New compiles rules and, when overridesFile is not "", what that YAML file
// says instead. Every mistake is reported together.
func New(rules []Rule, overridesFile string) (*Enforcer, error) {
	e := &Enforcer{defaults: map[string]Rule{}, file: overridesFile}
	for _, r := range rules {
		if had, ok := e.defaults[r.Name]; ok && had.Check != r.Check {
			return nil, fmt.Errorf("policy %s has two defaults: %q and %q", r.Name, had.Check, r.Check)
		}
		e.defaults[r.Name] = r
	}
	return e, e.load()
}

func (e *Enforcer) load() error {
	over := map[string]string{}
	if e.file != "" {
		e.seen, e.again = time.Time{}, false
		if st, err := os.Stat(e.file); err == nil {
			e.seen, e.again = st.ModTime(), !config.Settled(st.ModTime())
		}
		text, err := os.ReadFile(e.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("policy file: %w", err)
		}
		if err := yaml.Unmarshal(text, &over); err != nil {
			return fmt.Errorf("policy file %s: %w", e.file, err)
		}
	}
	c, err := compile(e.defaults, over)
	if err != nil {
		return err
	}
	e.now.Store(c)
	return nil
}

func compile(defaults map[string]Rule, over map[string]string) (*compiled, error) {
	c := &compiled{nodes: map[string]node{}, scopes: map[string][]string{}, checks: map[string]string{}}
	for name, r := range defaults {
		c.checks[name], c.scopes[name] = r.Check, r.Scope
	}
	maps.Copy(c.checks, over)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.checks)) {
		n, err := parse(c.checks[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("policy %s: %w", name, err))
			continue
		}
		c.nodes[name] = n
	}
	refs := map[string][]string{}
	for name, check := range c.checks {
		for _, tok := range tokenize(check) {
			ref, ok := strings.CutPrefix(tok, "rule:")
			if ok && !has(c.checks, ref) {
				errs = append(errs, fmt.Errorf("policy %s refers to rule %q, which does not exist", name, ref))
			} else if ok {
				refs[name] = append(refs[name], ref)
			}
		}
	}
	for name := range refs { // what it means nobody could say, and to ask it would take for ever
		if leads(refs, name, name, map[string]bool{}) {
			errs = append(errs, fmt.Errorf("policy %s refers to itself", name))
		}
	}
	return c, errors.Join(errs...)
}

// leads reports whether a rule refers to another, itself or through those that it refers to.
func leads(refs map[string][]string, from, to string, seen map[string]bool) bool {
	for _, ref := range refs[from] {
		if ref == to {
			return true
		}
		if !seen[ref] {
			seen[ref] = true
			if leads(refs, ref, to, seen) {
				return true
			}
		}
	}
	return false
}

func has(m map[string]string, k string) bool { _, ok := m[k]; return ok }

// reloadEvery is how often, at most, the overrides file is looked at.
const reloadEvery = time.Second

// current is the compiled policy, read anew when the file has changed, come or
// gone. A file that no longer compiles keeps the rules that did.
func (e *Enforcer) current() *compiled {
	if e.file == "" {
		return e.now.Load()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); now.Sub(e.asked) > reloadEvery {
		e.asked = now
		var changed time.Time
		if st, err := os.Stat(e.file); err == nil {
			changed = st.ModTime()
		} else if !errors.Is(err, fs.ErrNotExist) {
			changed = e.seen
		}
		if e.again || !changed.Equal(e.seen) {
			if err := e.load(); err != nil {
				slog.Error("policy file is wrong, the rules before it hold", "file", e.file, "error", err)
			}
		}
	}
	return e.now.Load()
}

// Allowed reports whether id may do what the rule guards to the target. An
// unknown rule is refused.
func (e *Enforcer) Allowed(id auth.Identity, rule string, t Target) bool {
	c := e.current()
	n, ok := c.nodes[rule]
	if !ok || !inScope(id, c.scopes[rule]) {
		return false
	}
	q := questions.Get().(*question)
	defer questions.Put(q)
	*q = question{id: id, target: t, rules: c.nodes}
	return n.holds(q)
}

// questions saves the allocation of half a kilobyte for each rule asked.
var questions = sync.Pool{New: func() any { return new(question) }}

// Has reports whether there is a rule of that name.
func (e *Enforcer) Has(rule string) bool { return has(e.current().checks, rule) }

// Check is Allowed as an error: a 403 fault whose sentence names the rule.
func (e *Enforcer) Check(id auth.Identity, rule string, t Target) error {
	if e.Allowed(id, rule, t) {
		return nil
	}
	return fault.Forbidden("Policy doesn't allow %s to be performed.", rule).As("PolicyNotAuthorized")
}

// Rules are the defaults, sorted by name, for printing.
func (e *Enforcer) Rules() []Rule {
	return slices.SortedFunc(maps.Values(e.defaults), func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
}

// inScope reports whether a token of that scope may use a rule limited to scopes.
func inScope(id auth.Identity, scopes []string) bool {
	if len(scopes) == 0 {
		return true
	}
	have := "project"
	switch {
	case id.System:
		have = "system"
	case id.DomainID != "":
		have = "domain"
	case id.ProjectID == "" && id.UserID == "":
		return true // the cloud itself
	}
	return slices.Contains(scopes, have)
}
