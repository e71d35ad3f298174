package api

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"nacre/internal/oslo/fault"
)

// extraSpecTable lists the extra specs that Nova knows, one a line: a pattern
// of the key, the kind of value (any, bool, int, enum, pattern), its argument.
//
//go:embed extra_specs.tsv
var extraSpecTable string

// extraSpec is one line of the table.
type extraSpec struct {
	key   *regexp.Regexp
	check func(value string) error
}

// knownExtraSpecs reads the table; namespaces are what stands before the colon.
var knownExtraSpecs = sync.OnceValues(func() (specs []extraSpec, namespaces []*regexp.Regexp) {
	var seen []string
	for line := range strings.Lines(extraSpecTable) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		key, kind, arg := fields[0], fields[1], ""
		if len(fields) == 3 {
			arg = fields[2]
		}
		specs = append(specs, extraSpec{whole(key), extraSpecCheck(kind, arg)})
		if space, _, ok := strings.Cut(key, ":"); ok && !slices.Contains(seen, space) {
			seen = append(seen, space)
			namespaces = append(namespaces, whole(space))
		}
	}
	return specs, namespaces
})

// whole matches a text from end to end.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

// checkExtraSpec refuses a key that a known namespace does not have, and a
// value that a known key cannot take. Other keys are the operator's own.
func checkExtraSpec(key, value string) error {
	specs, namespaces := knownExtraSpecs()
	for _, s := range specs {
		if s.key.MatchString(key) {
			return s.check(value)
		}
	}
	space, _, ok := strings.Cut(key, ":")
	if ok && slices.ContainsFunc(namespaces, func(n *regexp.Regexp) bool { return n.MatchString(space) }) {
		return fault.BadRequest("Validation failed; extra spec '%s' does not appear to be a valid extra spec.", key)
	}
	return nil
}

func extraSpecCheck(kind, arg string) func(string) error {
	switch kind {
	case "bool":
		return checkBoolSpec
	case "int":
		return intSpec(arg)
	case "enum":
		return enumSpec(strings.Fields(arg))
	case "pattern":
		return patternSpec(arg)
	}
	return func(string) error { return nil }
}

func checkBoolSpec(value string) error {
	if _, ok := boolOf(value); !ok {
		return fault.BadRequest("Validation failed; '%s' is not a valid boolean-like value.", value)
	}
	return nil
}

// intSpec takes bounds as "low:high", each possibly empty.
func intSpec(bounds string) func(string) error {
	low, high, _ := strings.Cut(bounds, ":")
	return func(value string) error {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return fault.BadRequest("Validation failed; '%s' is not a valid integer value.", value)
		}
		if top, err := strconv.Atoi(high); err == nil && n > top {
			return fault.BadRequest("Validation failed; '%d' is greater than the max value of '%d'.", n, top)
		}
		if bottom, err := strconv.Atoi(low); err == nil && n < bottom {
			return fault.BadRequest("Validation failed; '%d' is less than the min value of '%d'.", n, bottom)
		}
		return nil
	}
}

func enumSpec(words []string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fault.BadRequest("Validation failed; '%s' is not one of: %s.", value, strings.Join(words, ", "))
		}
		return nil
	}
}

func patternSpec(pattern string) func(string) error {
	form := whole(pattern)
	return func(value string) error {
		if !form.MatchString(value) {
			return fault.BadRequest("Validation failed; '%s' is not of the format '%s'.", value, pattern)
		}
		return nil
	}
}
