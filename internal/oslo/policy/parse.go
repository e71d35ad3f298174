package policy

import (
	"fmt"
	"strings"
)

// parser reads a check string: or-terms of and-terms of factors.
type parser struct {
	tokens []string
	pos    int
}

// parse compiles one check string.
func parse(check string) (node, error) {
	check = strings.TrimSpace(check)
	if check == "" {
		return always(true), nil
	}
	p := &parser{tokens: tokenize(check)}
	n, err := p.or(0)
	if err != nil {
		return nil, fmt.Errorf("check %q: %w", check, err)
	}
	if p.pos < len(p.tokens) {
		return nil, fmt.Errorf("check %q: unexpected %q", check, p.tokens[p.pos])
	}
	return n, nil
}

// maxDepth bounds nesting so that a hostile policy file cannot exhaust the stack.
const maxDepth = 100

func (p *parser) or(depth int) (node, error) {
	return p.chain(depth, "or", p.and, func(ns []node) node { return anyOf(ns) })
}

func (p *parser) and(depth int) (node, error) {
	return p.chain(depth, "and", p.factor, func(ns []node) node { return allOf(ns) })
}

func (p *parser) chain(depth int, word string, next func(int) (node, error), join func([]node) node) (node, error) {
	first, err := next(depth)
	if err != nil {
		return nil, err
	}
	ns := []node{first}
	for strings.EqualFold(p.peek(), word) {
		p.pos++
		n, err := next(depth)
		if err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	if len(ns) == 1 {
		return first, nil
	}
	return join(ns), nil
}

func (p *parser) factor(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	tok := p.peek()
	p.pos++
	switch {
	case tok == "":
		return nil, fmt.Errorf("ends too early")
	case strings.EqualFold(tok, "not"):
		n, err := p.factor(depth + 1)
		if err != nil {
			return nil, err
		}
		return negation{n}, nil
	case tok == "(":
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.peek() != ")" {
			return nil, fmt.Errorf("a parenthesis is not closed")
		}
		p.pos++
		return n, nil
	case tok == "@":
		return always(true), nil
	case tok == "!":
		return always(false), nil
	case tok == ")":
		return nil, fmt.Errorf("unexpected %q", tok)
	}
	return leaf(tok)
}

func (p *parser) peek() string {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos]
	}
	return ""
}

// tokenize splits at white space and parentheses, but keeps those of %(name)s and of quotes.
func tokenize(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')':
			out = append(out, string(c))
			i++
		default:
			end := wordEnd(s, i)
			out = append(out, s[i:end])
			i = end
		}
	}
	return out
}

func wordEnd(s string, i int) int {
	var quote byte
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '%' && i+1 < len(s) && s[i+1] == '(':
			close := strings.IndexByte(s[i:], ')')
			if close < 0 {
				return len(s)
			}
			i += close
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(' || c == ')':
			return i
		}
	}
	return i
}

// leaf compiles KIND:MATCH.
func leaf(tok string) (node, error) {
	kind, match, ok := strings.Cut(tok, ":")
	if !ok {
		return nil, fmt.Errorf("%q is not KIND:MATCH", tok)
	}
	switch kind {
	case "rule":
		return reference(match), nil
	case "role":
		return role(newMatch(match)), nil
	case "field":
		return newField(match)
	case "http", "https":
		return nil, fmt.Errorf("remote checks (%s) are not part of this policy engine", tok)
	}
	return compare{kind: kind, match: newMatch(match)}, nil
}
