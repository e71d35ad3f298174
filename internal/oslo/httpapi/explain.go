package httpapi

import (
	"bytes"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Explain is the error as Python's str() tells it: the sentence, the part of
// the schema that was not met, and the value that does not meet it.
func (e SchemaError) Explain() string {
	const indent = "\n    "
	var b strings.Builder
	b.WriteString(e.Message + "\n\nFailed validating " + pyString(e.Keyword) + " in schema" + indices(e.rules, e.where) + ":")
	b.WriteString(indent + strings.ReplaceAll(pyFormat(at(e.rules, e.where)), "\n", indent))
	b.WriteString("\n\nOn instance" + indices(e.document, e.Path) + ":")
	b.WriteString(indent + strings.ReplaceAll(pyFormat(at(e.document, e.Path)), "\n", indent))
	return b.String()
}

// readSchema decodes a schema file as it is written.
func readSchema(files fs.FS, name string) any {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	doc, _ := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	return doc
}

// pointer splits the fragment of a schema's URL into its steps.
func pointer(location string) []string {
	_, fragment, _ := strings.Cut(location, "#")
	if fragment == "" {
		return nil
	}
	steps := strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	for i, s := range steps {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps
}

// indices prints a path into a document as Python would index it: ['a'][0].
func indices(doc any, path []string) string {
	var b strings.Builder
	for i, step := range path {
		if _, list := at(doc, path[:i]).([]any); list {
			b.WriteString("[" + step + "]")
		} else {
			b.WriteString("[" + pyString(step) + "]")
		}
	}
	return b.String()
}

// pyFormat prints a value as Python's pprint does in 72 columns.
func pyFormat(v any) string {
	p := &pyPrinter{width: 72}
	p.print(v, 0, 0, 0)
	return p.out.String()
}

// longest bounds, in bytes, what pyFormat prints of a value that nests deep.
const longest = 1 << 16

// pyPrinter breaks what does not fit a line, container by container.
type pyPrinter struct {
	width int
	out   strings.Builder
}

// print writes v, whose first line begins at column indent and whose last has
// to leave room for allowance more characters.
func (p *pyPrinter) print(v any, indent, allowance, level int) {
	room := p.width - indent - allowance
	t, isText := v.(string)
	switch {
	case p.out.Len() > longest:
	case left(v, room) >= 0 && utf8.RuneCountInString(pyRepr(v)) <= room:
		p.out.WriteString(pyRepr(v))
	case isText && t != "":
		p.text(t, indent, allowance, level == 0)
	default:
		p.container(v, indent, allowance, level)
	}
}

func (p *pyPrinter) container(v any, indent, allowance, level int) {
	switch t := v.(type) {
	case map[string]any:
		p.object(t, indent, allowance, level)
	case []any:
		p.list(t, indent, allowance, level)
	default:
		p.out.WriteString(pyRepr(v))
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

func (p *pyPrinter) object(m map[string]any, indent, allowance, level int) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	p.out.WriteByte('{')
	for i, k := range keys {
		room := 1
		if i == len(keys)-1 {
			room = allowance + 1
		}
		if i > 0 {
			p.out.WriteString(",\n" + strings.Repeat(" ", indent+1))
		}
		key := pyString(k)
		p.out.WriteString(key + ": ")
		p.print(m[k], indent+1+utf8.RuneCountInString(key)+2, room, level+1)
	}
	p.out.WriteByte('}')
}

func (p *pyPrinter) list(l []any, indent, allowance, level int) {
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
func (p *pyPrinter) text(s string, indent, allowance int, alone bool) {
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

func (p *pyPrinter) chunks(s string, width, allowance int) (out []string) {
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
		if repr := pyString(line); utf8.RuneCountInString(repr) <= room {
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
		if utf8.RuneCountInString(pyString(current+part)) <= width {
			current += part
			continue
		}
		if current != "" {
			out = append(out, pyString(current))
		}
		current = part
	}
	if current != "" {
		out = append(out, pyString(current))
	}
	return out
}

// number prints a limit of a schema as Python does.
func number(digits string) string {
	if len(digits) <= 20 {
		return digits
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
