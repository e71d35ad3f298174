package service

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// Definitions are a few namespaces that clients expect, in metadefs/*.json.
//
//go:embed metadefs/*.json
var Definitions embed.FS

// MetadefLoad says what becomes of a namespace that is there already when a
// file describes it: by default it is left alone.
type MetadefLoad struct {
	Merge     bool // add what is missing in it
	PreferNew bool // with Merge: and replace what has the same name
	Overwrite bool // with Merge: replace it as a whole
}

// Check refuses what makes no sense together.
func (o MetadefLoad) Check() error {
	switch {
	case !o.Merge && (o.PreferNew || o.Overwrite):
		return errors.New("prefer-new and overwrite need merge")
	case o.PreferNew && o.Overwrite:
		return errors.New("prefer-new and overwrite exclude each other")
	}
	return nil
}

// metadefFile is a namespace as files have it.
type metadefFile struct {
	Namespace    string                     `json:"namespace"`
	DisplayName  *string                    `json:"display_name"`
	Description  *string                    `json:"description"`
	Visibility   string                     `json:"visibility"`
	Protected    bool                       `json:"protected"`
	Owner        string                     `json:"owner"`
	Associations []associationFile          `json:"resource_type_associations"`
	Properties   map[string]json.RawMessage `json:"properties"`
	Objects      []objectFile               `json:"objects"`
	Tags         []tagFile                  `json:"tags"`
}

type associationFile struct {
	Name             string  `json:"name"`
	Prefix           *string `json:"prefix"`
	PropertiesTarget *string `json:"properties_target"`
}

type objectFile struct {
	Name        string                     `json:"name"`
	Description *string                    `json:"description"`
	Required    []string                   `json:"required,omitempty"`
	Properties  map[string]json.RawMessage `json:"properties"`
}

type tagFile struct {
	Name string `json:"name"`
}

// fileOwner is who has namespaces of files that do not say.
const fileOwner = "admin"

func (f metadefFile) read() (n glance.MetadefNamespace, c glance.MetadefContent, err error) {
	n = glance.MetadefNamespace{Name: f.Namespace, DisplayName: f.DisplayName, Description: f.Description,
		Visibility: glance.Visibility(f.Visibility), Protected: f.Protected, Owner: f.Owner}
	if n.Owner == "" {
		n.Owner = fileOwner
	}
	if n.Visibility == "" {
		n.Visibility = glance.Private
	}
	if n.Visibility != glance.Private && n.Visibility != glance.Public {
		return n, c, fmt.Errorf("visibility %q is neither public nor private", f.Visibility)
	}
	if n.DisplayName != nil && len([]rune(*n.DisplayName)) > longestName {
		return n, c, fmt.Errorf("display_name has more than %d characters", longestName)
	}
	types, err := glance.ParsePropertyTypes(f.Properties)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		c.Properties = append(c.Properties, glance.MetadefProperty{Name: name, Type: types[name]})
	}
	for _, o := range f.Objects {
		types, wrong := glance.ParsePropertyTypes(o.Properties)
		err = errors.Join(err, wrong)
		c.Objects = append(c.Objects, glance.MetadefObject{Name: o.Name, Description: o.Description, Required: o.Required, Properties: types})
	}
	for _, t := range f.Tags {
		c.Tags = append(c.Tags, glance.MetadefTag{Name: t.Name})
	}
	for _, a := range f.Associations {
		c.Associations = append(c.Associations, glance.MetadefAssociation{Name: a.Name, Prefix: a.Prefix, PropertiesTarget: a.PropertiesTarget})
	}
	return n, c, errors.Join(err, checkName("namespace", n.Name), checkContent(c))
}

// LoadMetadefs records the namespace that a file describes, and says what was
// done with it: "loaded", "merged", "overwritten" or "skipped".
func (s *Service) LoadMetadefs(ctx context.Context, text []byte, o MetadefLoad) (outcome string, err error) {
	var file metadefFile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := errors.Join(o.Check(), dec.Decode(&file)); err != nil {
		return "", err
	}
	n, content, err := file.read()
	if err != nil {
		return "", err
	}
	now := s.clock.Now()
	n.CreatedAt, outcome = now, "loaded"
	stamped(content, now, nil)
	was, err := s.store.MetadefNamespace(ctx, n.Name)
	switch {
	case errors.Is(err, db.ErrNoRow):
	case err != nil:
		return "", err
	case !o.Merge:
		return "skipped", nil
	case o.Overwrite:
		outcome = "overwritten"
		if err := s.store.DeleteMetadefNamespace(ctx, was.ID); err != nil {
			return "", err
		}
	default:
		n.ID, n.CreatedAt, n.UpdatedAt = was.ID, was.CreatedAt, &now
		return "merged", s.store.MergeMetadefNamespace(ctx, n, content, o.PreferNew)
	}
	return outcome, s.store.InsertMetadefNamespace(ctx, &n, content)
}

// EnsureDefinitions loads those of Definitions that are missing.
func (s *Service) EnsureDefinitions(ctx context.Context) error {
	names, err := fs.Glob(Definitions, "metadefs/*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := Definitions.ReadFile(name)
		if err == nil {
			_, err = s.LoadMetadefs(ctx, text, MetadefLoad{})
		}
		if err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// UnloadMetadefs deletes all namespaces, protected ones as well, and all
// resource types.
func (s *Service) UnloadMetadefs(ctx context.Context) error { return s.store.ClearMetadefs(ctx) }

var noWord = regexp.MustCompile(`[^\pL\pN]+`)

// ExportMetadefs gives all namespaces as files, by the names that they should
// have.
func (s *Service) ExportMetadefs(ctx context.Context) (map[string][]byte, error) {
	found, err := s.store.MetadefNamespaces(ctx, glance.Visible{All: true}, glance.MetadefFilter{}, db.Page{Sort: []db.Sort{{Column: "id"}}})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, n := range found {
		content, err := s.store.MetadefContent(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		text, err := fileText(n, content)
		if err != nil {
			return nil, fmt.Errorf("namespace %s: %w", n.Name, err)
		}
		name := ""
		if n.DisplayName != nil {
			name = noWord.ReplaceAllString(*n.DisplayName, "")
		}
		if name == "" || files[name+".json"] != nil {
			name = noWord.ReplaceAllString(n.Name, "")
		}
		for files[name+".json"] != nil {
			name += "_"
		}
		files[name+".json"] = text
	}
	return files, nil
}

func fileText(n glance.MetadefNamespace, c glance.MetadefContent) ([]byte, error) {
	f := metadefFile{Namespace: n.Name, DisplayName: n.DisplayName, Description: n.Description, Visibility: string(n.Visibility),
		Protected: n.Protected, Owner: n.Owner, Associations: []associationFile{}, Properties: map[string]json.RawMessage{},
		Objects: []objectFile{}, Tags: []tagFile{}}
	for _, a := range c.Associations {
		f.Associations = append(f.Associations, associationFile{a.Name, a.Prefix, a.PropertiesTarget})
	}
	for _, p := range c.Properties {
		text, err := json.Marshal(p.Type)
		if err != nil {
			return nil, err
		}
		f.Properties[p.Name] = text
	}
	for _, o := range c.Objects {
		of := objectFile{o.Name, o.Description, o.Required, map[string]json.RawMessage{}}
		for name, p := range o.Properties {
			text, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			of.Properties[name] = text
		}
		f.Objects = append(f.Objects, of)
	}
	for _, t := range c.Tags {
		f.Tags = append(f.Tags, tagFile{t.Name})
	}
	return json.MarshalIndent(f, "", "    ")
}
