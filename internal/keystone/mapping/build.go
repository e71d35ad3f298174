package mapping

import (
	"encoding/json"
	"fmt"
	"strings"

	"nacre/internal/oslo/pprint"
)

// builder gathers what the local parts of all rules that apply say.
type builder struct {
	version  string
	seen     bool
	user     *User
	groupIDs []string
	groups   []Group
	projects []Project
	domain   *Domain // beside the last local part: the second version's default
}

// local is a filled local part.
type local struct {
	User  *User `json:"user"`
	Group *struct {
		ID     string  `json:"id"`
		Name   string  `json:"name"`
		Domain *Domain `json:"domain"`
	} `json:"group"`
	Groups       *[]string `json:"groups"`
	GroupIDs     []string  `json:"group_ids"`
	Domain       *Domain   `json:"domain"`
	Projects     []Project `json:"projects"`
	ProjectsJSON []Project `json:"projects_json"`
}

func (b *builder) add(filled map[string]any) error {
	text, err := json.Marshal(filled)
	if err != nil {
		return err
	}
	var l local
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	b.seen, b.domain = true, l.Domain
	if b.user == nil || *b.user == (User{}) { // the first wins
		b.user = l.User
	}
	switch g := l.Group; {
	case g == nil:
	case g.ID != "":
		b.groupIDs = append(b.groupIDs, g.ID)
	case g.Domain != nil:
		b.groups = append(b.groups, Group{g.Name, *g.Domain})
	}
	b.groupIDs = append(b.groupIDs, l.GroupIDs...)
	if l.Groups != nil {
		if err := b.addGroups(*l.Groups, l.Domain, filled); err != nil {
			return err
		}
	}
	if l.Projects != nil || l.ProjectsJSON != nil { // the last wins
		b.projects = append(l.Projects, l.ProjectsJSON...)
		b.defaultDomain(l.Domain)
	}
	return nil
}

// defaultDomain puts projects without a domain into the one beside them.
func (b *builder) defaultDomain(d *Domain) {
	for i := range b.projects {
		if b.version == Version1 {
			b.projects[i].Domain = nil
		} else if b.projects[i].Domain == nil {
			b.projects[i].Domain = d
		}
	}
}

// jsonMark begins the value of a group that brings its domain along, which is
// how one cloud tells another of a user's groups.
const jsonMark = "JSON:"

func (b *builder) addGroups(names []string, domain *Domain, filled map[string]any) error {
	for _, name := range names {
		g, in := Group{Name: name}, domain
		text, isJSON := strings.CutPrefix(name, jsonMark)
		if isJSON {
			var named struct {
				Name   string  `json:"name"`
				Domain *Domain `json:"domain"`
			}
			if err := json.Unmarshal([]byte(text), &named); err != nil {
				return fmt.Errorf("group %q: %w", name, err)
			}
			g.Name, in = named.Name, named.Domain
		}
		if in == nil {
			return fmt.Errorf("invalid rule %s: both 'groups' and 'domain' must be specified", pprint.Repr(plain(filled)))
		}
		g.Domain = *in
		b.groups = append(b.groups, g)
	}
	return nil
}

// plain is a filled local part as decoded JSON, which is what pprint knows.
func plain(filled map[string]any) (out any) {
	text, _ := json.Marshal(filled)
	_ = json.Unmarshal(text, &out)
	return out
}

func (b *builder) result() (Result, error) {
	if !b.seen {
		return Result{}, ErrNoMatch
	}
	r := Result{GroupIDs: unique(b.groupIDs), Groups: unique(b.groups), Projects: b.projects}
	if b.user != nil {
		r.User = *b.user
	}
	if r.User.Type == "" {
		r.User.Type = Ephemeral
	}
	if r.User.Domain == nil && b.version != Version1 {
		r.User.Domain = b.domain
	}
	if r.Projects == nil {
		r.Projects = []Project{}
	}
	return r, nil
}
