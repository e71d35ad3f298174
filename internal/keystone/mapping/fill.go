package mapping

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"nacre/internal/oslo/pprint"
)

// direct is a text that is one direct map and nothing else.
var direct = regexp.MustCompile(`^\{(\d{1,6})\}$`)

// projectsJSON is how projects_json names its direct map.
var projectsJSON = regexp.MustCompile(`^\{?(\d{1,6})\}?`)

// fill puts the direct maps into a local part. What takes lists (groups,
// group_ids) becomes []string, projects_json a list of projects.
func (rs *Rules) fill(local map[string]any, maps [][]string) (map[string]any, error) {
	out := make(map[string]any, len(local))
	for key, v := range local {
		var err error
		text, isText := v.(string)
		switch {
		case key == "projects_json" && isText:
			out[key], err = projectsFrom(text, maps)
		case (key == "groups" || key == "group_ids") && isText:
			out[key], err = listFrom(text, maps)
		default:
			out[key], err = fillValue(v, maps)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fillValue(v any, maps [][]string) (any, error) {
	switch t := v.(type) {
	case string:
		return format(t, maps)
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, inner := range t {
			var err error
			if out[k], err = fillValue(inner, maps); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i, inner := range t {
			var err error
			if out[i], err = fillValue(inner, maps); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// valuesAt are the values of a direct map.
func valuesAt(index string, maps [][]string) ([]string, error) {
	i, err := strconv.ParseUint(index, 10, 32) // no sign
	if err != nil || i >= uint64(len(maps)) {
		return nil, ErrDirectMap
	}
	return maps[i], nil
}

// listFrom is a direct map as it is, or a text that may be written as a list.
func listFrom(text string, maps [][]string) ([]string, error) {
	if m := direct.FindStringSubmatch(text); m != nil {
		return valuesAt(m[1], maps)
	}
	if list, ok := literal(text); ok { // written by the administrator; its elements are templates
		out := make([]string, len(list))
		for i, element := range list {
			var err error
			if out[i], err = format(element, maps); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	one, err := format(text, maps)
	return []string{one}, err
}

func projectsFrom(text string, maps [][]string) ([]any, error) {
	m := projectsJSON.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("the rule %q for projects_json names no remote match", text)
	}
	values, err := valuesAt(m[1], maps)
	if err != nil {
		return nil, err
	}
	if len(values) != 1 {
		return nil, fmt.Errorf("projects_json has %d values, one list is expected", len(values))
	}
	var list any
	if err := json.Unmarshal([]byte(values[0]), &list); err != nil {
		return nil, fmt.Errorf("projects_json: %w", err)
	}
	if mistakes := projectsSchema2.check(list); mistakes != "" {
		return nil, fmt.Errorf("%s", strings.TrimSpace(mistakes))
	}
	return list.([]any), nil
}

// format replaces {N} by a direct map: its value, or, of several, a list as
// the original would print it. {{ and }} are braces.
func format(text string, maps [][]string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			b.WriteByte(text[i])
			i++
		case text[i] == '{':
			index, _, closed := strings.Cut(rest[1:], "}")
			if !closed {
				return "", ErrDirectMap
			}
			values, err := valuesAt(index, maps)
			if err != nil {
				return "", err
			}
			b.WriteString(shown(values))
			i += len(index) + 1
		case text[i] == '}':
			return "", ErrDirectMap
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), nil
}

func shown(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return pprint.Repr(list)
}

// literal reads ['a', "b"], a list of quoted texts as Python writes it.
func literal(text string) (list []string, ok bool) {
	s := strings.TrimSpace(text)
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return nil, false
	}
	s = strings.TrimSpace(s[1 : len(s)-1])
	list = []string{}
	for s != "" {
		quote := s[0]
		if quote != '\'' && quote != '"' {
			return nil, false
		}
		element, rest, closed := strings.Cut(s[1:], string(quote))
		if !closed || strings.Contains(element, `\`) {
			return nil, false
		}
		list = append(list, element)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, false
		}
		s = strings.TrimSpace(rest[1:])
	}
	return list, true
}
