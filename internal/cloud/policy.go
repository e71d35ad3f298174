package cloud

import (
	"fmt"
	"io"
	"strings"

	"nacre/internal/oslo/policy"
)

// DefaultPolicy lists the default rules of a service by name, each with the
// operations of the rows that ask it.
func DefaultPolicy(service string) ([]policy.Rule, error) {
	s, err := ByName(service)
	if err != nil {
		return nil, err
	}
	api, err := s.NewAPI()
	if err != nil {
		return nil, err
	}
	asked := map[string][]string{}
	for _, r := range api.Table() {
		op := r.Method + " " + r.Path
		if r.Action != "" {
			op += " (" + r.Action + ")"
		}
		asked[r.Rule.Name] = append(asked[r.Rule.Name], op)
	}
	rules := api.Policy().Rules()
	for i := range rules {
		if len(rules[i].Operations) == 0 {
			rules[i].Operations = asked[rules[i].Name]
		}
	}
	return rules, nil
}

// PrintPolicy writes rules as a policy file in which every line is a comment.
func PrintPolicy(w io.Writer, rules []policy.Rule) {
	for _, r := range rules {
		fmt.Fprintln(w)
		for line := range strings.Lines(r.Description) {
			fmt.Fprintln(w, "# "+strings.TrimSpace(line))
		}
		for _, op := range r.Operations {
			fmt.Fprintln(w, "# "+op)
		}
		if len(r.Scope) > 0 {
			fmt.Fprintln(w, "# scope: "+strings.Join(r.Scope, ", "))
		}
		fmt.Fprintf(w, "#%q: %q\n", r.Name, r.Check)
	}
}
