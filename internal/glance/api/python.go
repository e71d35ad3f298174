package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The original prints schemas and values into its sentences as Python does.
// Values are what encoding/json decodes, numbers as json.Number.

// repr is a value on one line.
func repr(v any) string {
	switch t := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[t]
	case string:
		return quote(t)
	case json.Number:
		return t.String()
	case []any:
		parts := make([]string, len(t))
		for i, e := range t {
			parts[i] = repr(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(t)) {
			parts = append(parts, quote(k)+": "+repr(t[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// quote prefers single quotes.
func quote(s string) string {
	mark := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = `"`
	}
	var b strings.Builder
	b.WriteString(mark)
	for _, r := range s {
		switch {
		case r == '\\' || string(r) == mark:
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString(mark)
	return b.String()
}

// printWidth is the width that the original's validator prints for.
const printWidth = 72

// pretty is repr, broken into lines where it is wide.
func pretty(v any) string {
	p := &printer{}
	p.value(v, 0, 0, 1)
	return p.out.String()
}

type printer struct{ out strings.Builder }

// value prints v from column indent on, leaving allowance columns on its last
// line; level counts the containers around it.
func (p *printer) value(v any, indent, allowance, level int) {
	one := repr(v)
	if len(one) <= printWidth-indent-allowance {
		p.out.WriteString(one)
		return
	}
	switch t := v.(type) {
	case map[string]any:
		p.object(t, indent, allowance, level)
	case []any:
		p.list(t, indent, allowance, level)
	case string:
		p.text(t, indent, allowance, level)
	default:
		p.out.WriteString(one)
	}
}

func (p *printer) object(m map[string]any, indent, allowance, level int) {
	p.out.WriteString("{")
	keys := slices.Sorted(maps.Keys(m))
	for i, k := range keys {
		if i > 0 {
			p.line(indent + 1)
		}
		key := quote(k) + ": "
		p.out.WriteString(key)
		p.value(m[k], indent+1+len(key), room(i == len(keys)-1, allowance+1), level+1)
	}
	p.out.WriteString("}")
}

func (p *printer) list(l []any, indent, allowance, level int) {
	p.out.WriteString("[")
	for i, e := range l {
		if i > 0 {
			p.line(indent + 1)
		}
		p.value(e, indent+1, room(i == len(l)-1, allowance+1), level+1)
	}
	p.out.WriteString("]")
}

// room is what must be left free behind an element: the closing brackets
// behind the last one, a comma behind the others.
func room(last bool, closing int) int {
	if last {
		return closing
	}
	return 1
}

func (p *printer) line(indent int) { p.out.WriteString(",\n" + strings.Repeat(" ", indent)) }

var wordAndSpace = regexp.MustCompile(`\S*\s*`)

// text breaks a string between words; at the top it stands in parentheses.
func (p *printer) text(s string, indent, allowance, level int) {
	if level == 1 {
		indent, allowance = indent+1, allowance+1
	}
	chunks := wrap(s, printWidth-indent, allowance)
	if len(chunks) == 1 {
		p.out.WriteString(quote(s))
		return
	}
	joined := strings.Join(chunks, "\n"+strings.Repeat(" ", indent))
	if level == 1 {
		joined = "(" + joined + ")"
	}
	p.out.WriteString(joined)
}

func wrap(s string, width, allowance int) (chunks []string) {
	parts := wordAndSpace.FindAllString(s, -1)
	if n := len(parts); n > 0 && parts[n-1] == "" {
		parts = parts[:n-1]
	}
	current := ""
	for i, part := range parts {
		if i == len(parts)-1 {
			width -= allowance
		}
		if len(quote(current+part)) > width && current != "" {
			chunks = append(chunks, quote(current))
			current = ""
		}
		current += part
	}
	if current != "" {
		chunks = append(chunks, quote(current))
	}
	return chunks
}
