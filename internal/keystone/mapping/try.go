package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// Try applies rules to an assertion as an administrator writes them down: a
// list of rules, a mapping or the body that makes one; and a line "name: value"
// for each attribute, with a semicolon between several values.
func Try(rules []byte, input string) (Result, error) {
	var m struct {
		Version string          `json:"schema_version"`
		Rules   json.RawMessage `json:"rules"`
	}
	body := struct{ Mapping any }{&m}
	if strings.HasPrefix(strings.TrimSpace(string(rules)), "[") {
		m.Rules = rules
	} else if err := json.Unmarshal(rules, &m); err != nil {
		return Result{}, err
	} else if m.Rules == nil {
		if err := json.Unmarshal(rules, &body); err != nil {
			return Result{}, err
		}
	}
	if m.Rules == nil {
		return Result{}, fmt.Errorf("there are no rules")
	}
	rs, err := Parse(cmp.Or(m.Version, Version1), m.Rules)
	if err != nil {
		return Result{}, err
	}
	plain := map[string]string{}
	for line := range strings.Lines(input) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return Result{}, fmt.Errorf("%q is not of the form name: value", line)
		}
		plain[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return rs.Apply(Split(plain))
}
