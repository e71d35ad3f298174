package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pprintWidth is the width that Python's jsonschema prints to.
const pprintWidth = 72

// pprint prints a decoded JSON value as Python's pprint module does.
func pprint(v any) string {
	var p printer
	p.print(v, 0, 0, 0)
	return p.String()
}

// printer writes one value; indent is the column it begins in, allowance what
// must fit behind it.
type printer struct{ strings.Builder }

func (p *printer) print(v any, indent, allowance, level int) {
	repr := pyRepr(v)
	if len([]rune(repr)) <= pprintWidth-indent-allowance {
		p.WriteString(repr)
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
		p.WriteString(repr)
	}
}

func (p *printer) object(m map[string]any, indent, allowance, level int) {
	p.WriteByte('{')
	keys := slices.Sorted(maps.Keys(m))
	for i, k := range keys {
		if i > 0 {
			p.WriteString(",\n" + strings.Repeat(" ", indent+1))
		}
		key := pyRepr(k)
		p.WriteString(key + ": ")
		p.print(m[k], indent+1+len([]rune(key))+2, room(i == len(keys)-1, allowance+1), level+1)
	}
	p.WriteByte('}')
}

func (p *printer) list(l []any, indent, allowance, level int) {
	p.WriteByte('[')
	for i, v := range l {
		if i > 0 {
			p.WriteString(",\n" + strings.Repeat(" ", indent+1))
		}
		p.print(v, indent+1, room(i == len(l)-1, allowance+1), level+1)
	}
	p.WriteByte(']')
}

// room is what must fit behind an item: what follows the last one, or a comma.
func room(last bool, allowance int) int {
	if last {
		return allowance
	}
	return 1
}

// text breaks a long string at blanks into several literals.
func (p *printer) text(s string, indent, allowance, level int) {
	if level == 0 {
		indent, allowance = indent+1, allowance+1
	}
	chunks := textChunks(s, pprintWidth-indent, allowance)
	if len(chunks) == 1 {
		p.WriteString(chunks[0])
		return
	}
	joined := strings.Join(chunks, "\n"+strings.Repeat(" ", indent))
	if level == 0 {
		joined = "(" + joined + ")"
	}
	p.WriteString(joined)
}

func textChunks(s string, width, allowance int) (chunks []string) {
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		last := i == len(lines)-1
		if len([]rune(pyRepr(line))) <= width-room0(last, allowance) {
			chunks = append(chunks, pyRepr(line))
			continue
		}
		parts := words(line)
		current := ""
		for j, part := range parts {
			if len([]rune(pyRepr(current+part))) > width-room0(last && j == len(parts)-1, allowance) && current != "" {
				chunks = append(chunks, pyRepr(current))
				current = part
			} else {
				current += part
			}
		}
		if current != "" {
			chunks = append(chunks, pyRepr(current))
		}
	}
	return chunks
}

func room0(last bool, allowance int) int {
	if last {
		return allowance
	}
	return 0
}

// words splits a line into words with the blanks that follow them.
func words(line string) (out []string) {
	start := 0
	for i := 1; i < len(line); i++ {
		if isBlank(line[i-1]) && !isBlank(line[i]) {
			out = append(out, line[start:i])
			start = i
		}
	}
	return append(out, line[start:])
}

func isBlank(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

// pyRepr prints a decoded JSON value as Python's repr does, objects by sorted key.
func pyRepr(v any) string {
	switch t := v.(type) {
	case nil:
		return "None"
	case bool:
		if t {
			return "True"
		}
		return "False"
	case string:
		return pyString(t)
	case json.Number:
		return t.String()
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	case []any:
		parts := make([]string, len(t))
		for i, e := range t {
			parts[i] = pyRepr(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(t)) {
			parts = append(parts, pyString(k)+": "+pyRepr(t[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// pyString quotes like Python: single quotes unless the text has some and no double ones.
func pyString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	escapes := strings.NewReplacer(`\`, `\\`, quote, `\`+quote, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	var b strings.Builder
	for _, r := range escapes.Replace(s) {
		if r < 0x20 || r == 0x7f {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return quote + b.String() + quote
}
