package protection

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"nacre/internal/glance"
)

// section is who may do what to the properties in whose names something is found.
type section struct {
	name  *regexp.Regexp
	allow map[Operation]allowed
}

// allowed is who may do an operation.
type allowed struct {
	everybody, nobody bool
	names             []string // of roles, or of one rule
	line              int
}

// parse reads a file and reports all of its mistakes, by their lines.
func parse(text, format string) ([]section, error) {
	r := &reader{defaults: &written{}}
	for i, line := range strings.Split(text, "\n") {
		r.fail(i+1, r.take(i+1, line))
	}
	var out []section
	for _, w := range append([]*written{r.defaults}, r.sections...) {
		for _, o := range w.options {
			if !slices.Contains(operations, Operation(o.name)) {
				r.fail(o.line, fmt.Errorf("%q is none of create, read, update, delete", o.name))
			}
		}
	}
	for _, w := range r.sections {
		if !strings.HasPrefix(w.name, glance.ReservedNamespace) { // those are the service's
			out = append(out, r.section(w, format))
		}
	}
	return out, errors.Join(r.errs...)
}

// written is a section as it is written.
type written struct {
	name    string
	line    int
	options []*option
}

type option struct {
	name, value string
	line        int
}

func (w *written) option(name string) *option {
	if i := slices.IndexFunc(w.options, func(o *option) bool { return o.name == name }); i >= 0 {
		return w.options[i]
	}
	return nil
}

// reader reads the syntax of Python's configparser, which the original uses:
// the names of options have no case, and a line that is further in than the one
// an option began on goes on with it.
type reader struct {
	defaults *written // what sections say that do not say it themselves
	sections []*written
	errs     []error

	in     *written
	last   *option // that a line may go on with
	indent int     // of the line that began something last
}

func (r *reader) fail(line int, err error) {
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("line %d: %w", line, err))
	}
}

var (
	header = regexp.MustCompile(`^\[(.+)\]`)
	entry  = regexp.MustCompile(`^(.*?)\s*[=:]\s*(.*)$`)
)

func (r *reader) take(n int, line string) error {
	text := strings.TrimSpace(line)
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
		return nil
	case r.last != nil && indent > r.indent:
		r.last.value += "\n" + text
		return nil
	}
	r.indent = indent
	if m := header.FindStringSubmatch(text); m != nil {
		return r.begin(n, m[1])
	}
	if r.in == nil {
		return errors.New("there is no [section] before it")
	}
	m := entry.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return fmt.Errorf("%q is neither a [section] nor an operation = who may do it", text)
	}
	r.last = &option{name: strings.ToLower(m[1]), value: m[2], line: n}
	if had := r.in.option(r.last.name); had != nil {
		return fmt.Errorf("%s is there already, in line %d", had.name, had.line)
	}
	r.in.options = append(r.in.options, r.last)
	return nil
}

// begin begins a section.
func (r *reader) begin(n int, name string) error {
	r.last = nil
	if name == "DEFAULT" {
		r.in = r.defaults
		return nil
	}
	r.in = &written{name: name, line: n}
	for _, had := range r.sections {
		if had.name == name {
			return fmt.Errorf("[%s] is there already, in line %d", name, had.line)
		}
	}
	r.sections = append(r.sections, r.in)
	return nil
}

// section checks what a section says.
func (r *reader) section(w *written, format string) section {
	s := section{allow: map[Operation]allowed{}}
	var err error
	s.name, err = expression(w.name)
	r.fail(w.line, err)
	for _, op := range operations {
		o := w.option(string(op))
		if o == nil {
			o = r.defaults.option(string(op))
		}
		if o == nil {
			r.fail(w.line, fmt.Errorf("[%s] does not say who may %s", w.name, op))
			continue
		}
		s.allow[op], err = o.allowed(format)
		r.fail(o.line, err)
	}
	return s
}

// meanings are what Python reads in another way than RE2 does.
var meanings = []string{"{,", "[:"}

// expression compiles what Python and RE2 read alike. \w, \d, \s and \b are of
// ASCII here.
func expression(text string) (*regexp.Regexp, error) {
	for _, m := range meanings {
		if strings.Contains(text, m) {
			return nil, fmt.Errorf("[%s]: %q means something else in RE2 than in Python", text, m)
		}
	}
	e, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("[%s] is no regular expression of RE2, which has neither look-around nor back-references: %s", text,
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return e, nil
}

// allowed reads who may do an operation.
func (o *option) allowed(format string) (allowed, error) {
	a := allowed{line: o.line}
	value := strings.ReplaceAll(o.value, "%%", "")
	if strings.Contains(value, "%") {
		return a, fmt.Errorf("%s: a %% is written %%%%, for there is no interpolation", o.name)
	}
	for name := range strings.SplitSeq(strings.ReplaceAll(o.value, "%%", "%"), ",") {
		switch name = strings.TrimSpace(name); name {
		case "":
		case "@":
			a.everybody = true
		case "!":
			a.nobody = true
		default:
			a.names = append(a.names, name)
		}
	}
	switch {
	case a.everybody && a.nobody:
		return a, fmt.Errorf("%s: @ and ! exclude each other", o.name)
	case format == Policies && strings.Contains(o.value, ","):
		return a, fmt.Errorf("%s: %q are several rules of the policy: one may be named, which combines them", o.name, o.value)
	}
	return a, nil
}
