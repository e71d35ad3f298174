// Package pprint prints decoded JSON as Python's repr and pprint do: the
// original quotes schemas and values so in what it tells its callers.
package pprint

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format prints a value in lines of 72 columns, as Python's validators do in
// their sentences. Of a value that nests deep it prints the first 64 KiB.
func Format(v any) string {
	p := &printer{width: 72}
	p.print(v, 0, 0, 0)
	return p.out.String()
}

// longest bounds, in bytes, what Format prints of a value that nests deep.
const longest = 1 << 16

// printer breaks what does not fit a line, container by container.
type printer struct {
	width int
	out   strings.Builder
}

// print writes v, whose first line begins at column indent and whose last has
// to leave room for allowance more characters.
func (p *printer) print(v any, indent, allowance, level int) {
	room := p.width - indent - allowance
	t, isText := v.(string)
	switch {
	case p.out.Len() > longest:
	case left(v, room) >= 0 && utf8.RuneCountInString(Repr(v)) <= room:
		p.out.WriteString(Repr(v))
	case isText && t != "":
		p.text(t, indent, allowance, level == 0)
	default:
		p.container(v, indent, allowance, level)
	}
}

func (p *printer) container(v any, indent, allowance, level int) {
	switch t := v.(type) {
	case map[string]any:
		p.object(t, indent, allowance, level)
	case []any:
		p.list(t, indent, allowance, level)
	default:
		p.out.WriteString(Repr(v))
	}
}

// left is how much of room characters is left at most behind v's repr; it
// stops counting when nothing is.
func left(v any, room int) int {
	if room < 0 {
		return room
	}
	switch t := v.(type) {
	case string:
		return room - utf8.RuneCountInString(t[:min(len(t), 4*max(room, 0)+4)])
	case []any:
		for _, e := range t {
			if room = left(e, room-1); room < 0 {
				break
			}
		}
	case map[string]any:
		for k, e := range t {
			if room = left(e, left(k, room-4)); room < 0 {
				break
			}
		}
	}
	return room
}

func (p *printer) object(m map[string]any, indent, allowance, level int) {
	keys := slices.Sorted(maps.Keys(m))
	p.out.WriteByte('{')
	for i, k := range keys {
		room := 1
		if i == len(keys)-1 {
			room = allowance + 1
		}
		if i > 0 {
			p.out.WriteString(",\n" + strings.Repeat(" ", indent+1))
		}
		key := Quote(k)
		p.out.WriteString(key + ": ")
		p.print(m[k], indent+1+utf8.RuneCountInString(key)+2, room, level+1)
	}
	p.out.WriteByte('}')
}

func (p *printer) list(l []any, indent, allowance, level int) {
	p.out.WriteByte('[')
	for i, e := range l {
		room := 1
		if i == len(l)-1 {
			room = allowance + 1
		}
		if i > 0 {
			p.out.WriteString(",\n" + strings.Repeat(" ", indent+1))
		}
		p.print(e, indent+1, room, level+1)
	}
	p.out.WriteByte(']')
}

// words are what a long text may be broken between.
var words = regexp.MustCompile(`\S*\s*`)

// text breaks a long string into adjacent literals, in parentheses when it stands alone.
func (p *printer) text(s string, indent, allowance int, alone bool) {
	if alone {
		indent, allowance = indent+1, allowance+1
	}
	chunks := p.chunks(s, p.width-indent, allowance)
	if len(chunks) == 1 {
		p.out.WriteString(chunks[0])
		return
	}
	if alone {
		p.out.WriteByte('(')
	}
	for i, c := range chunks {
		if p.out.Len() > longest {
			return
		}
		if i > 0 {
			p.out.WriteString("\n" + strings.Repeat(" ", indent))
		}
		p.out.WriteString(c)
	}
	if alone {
		p.out.WriteByte(')')
	}
}

func (p *printer) chunks(s string, width, allowance int) (out []string) {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	if strings.HasSuffix(s, "\n") {
		lines[len(lines)-1] += "\n"
	}
	for i, line := range lines {
		last := i == len(lines)-1
		room := width
		if last {
			room -= allowance
		}
		if repr := Quote(line); utf8.RuneCountInString(repr) <= room {
			out = append(out, repr)
			continue
		}
		out = append(out, breakLine(line, width, allowance, last)...)
	}
	return out
}

// breakLine fills literals of at most width with the words of a line.
func breakLine(line string, width, allowance int, last bool) (out []string) {
	parts := words.FindAllString(line, -1)
	current := ""
	for i, part := range parts {
		if last && i == len(parts)-1 {
			width -= allowance
		}
		if utf8.RuneCountInString(Quote(current+part)) <= width {
			current += part
			continue
		}
		if current != "" {
			out = append(out, Quote(current))
		}
		current = part
	}
	if current != "" {
		out = append(out, Quote(current))
	}
	return out
}
