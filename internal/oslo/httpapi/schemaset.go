package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaSet holds the schemas of a service by file name. One is compiled when
// a request needs it: most of a service's hundreds are rarely asked for, and
// compiled ones are large.
type schemaSet struct {
	svc   *Service
	files map[string]func() (*jsonschema.Schema, error)
}

// newSchemaSet finds every file that a row names.
func newSchemaSet(s *Service) (*schemaSet, error) {
	set := &schemaSet{svc: s, files: map[string]func() (*jsonschema.Schema, error){}}
	for _, t := range []Table{s.Roots, s.Table} {
		for _, r := range t {
			for _, use := range []Schemas{r.Bodies, r.Queries} {
				for _, file := range use {
					if err := set.add(file); err != nil {
						return nil, fmt.Errorf("schema %s: %w", file, err)
					}
				}
			}
		}
	}
	return set, nil
}

func (set *schemaSet) add(file string) error {
	if set.files[file] != nil {
		return nil
	}
	if set.svc.Schemas == nil {
		return errNoSchemas
	}
	f, err := set.svc.Schemas.Open(file)
	if err != nil {
		return err
	}
	set.files[file] = sync.OnceValues(func() (*jsonschema.Schema, error) { return set.compile(file) })
	return f.Close()
}

// compile makes a schema and what it refers to.
func (set *schemaSet) compile(file string) (*jsonschema.Schema, error) {
	comp := jsonschema.NewCompiler()
	comp.DefaultDraft(jsonschema.Draft4)
	comp.AssertFormat()
	comp.UseRegexpEngine(pattern)
	for _, own := range []map[string]func(any) error{formats, set.svc.Formats} {
		for name, check := range own {
			comp.RegisterFormat(&jsonschema.Format{Name: name, Validate: check})
		}
	}
	comp.UseLoader(embedLoader{set.svc.Schemas})
	sch, err := comp.Compile("embed:///" + file)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	return sch, nil
}

// patterns are the regular expressions of all schemas by their text: schemas
// share a few, and some list most of Unicode.
var patterns sync.Map

func pattern(text string) (jsonschema.Regexp, error) {
	if re, ok := patterns.Load(text); ok {
		return re.(*regexp.Regexp), nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	patterns.Store(text, re)
	return re, nil
}

var errNoSchemas = errors.New("the service has no schema files")

// embedLoader reads schemas, and what they refer to, from a file system.
type embedLoader struct{ files fs.FS }

func (l embedLoader) Load(u string) (any, error) {
	data, err := fs.ReadFile(l.files, strings.TrimPrefix(u, "embed:///"))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

// of is the schema of a file that a row names.
func (set *schemaSet) of(file string) (*jsonschema.Schema, error) { return set.files[file]() }

// at is the schema of the newest version that is not newer than v, nil when
// there is none.
func (set *schemaSet) at(use Schemas, v Version) (*jsonschema.Schema, error) {
	best, bestV := "", Version{-1, -1}
	for from, file := range use {
		f, _ := ParseVersion(from)
		if !v.before(f) && bestV.before(f) {
			best, bestV = file, f
		}
	}
	if best == "" {
		return nil, nil
	}
	return set.of(best)
}

// CompileSchemas compiles every schema of the service, which requests do one
// by one, and returns the first that is wrong.
func (a *API) CompileSchemas() error {
	for file := range a.schemas.files {
		if _, err := a.schemas.of(file); err != nil {
			return fmt.Errorf("%s: %w", a.svc.Name, err)
		}
	}
	return nil
}
