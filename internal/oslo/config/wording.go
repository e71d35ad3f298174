package config

import (
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	unknownOption = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongKind     = regexp.MustCompile("cannot unmarshal !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

// wanted is what an option takes, by the beginning of its Go type.
var wanted = []struct{ kind, words string }{{"[]", "a list such as [a, b]"}, {"bool", "true or false"}, {"int", "a whole number"}, {"uint", "a whole number"},
	{"float", "a number"}, {"string", "a text"}, {"time.Duration", "a duration such as 1m30s"}, {"", "options, each a name and a value"}}

// worded says what is wrong in a file as somebody would who knows the options,
// and not the types that keep them.
func worded(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return err
	}
	lines := make([]string, len(wrong.Errors))
	for i, line := range wrong.Errors {
		line = unknownOption.ReplaceAllString(line, `there is no option "$1" here`)
		lines[i] = wrongKind.ReplaceAllStringFunc(line, func(text string) string {
			m := wrongKind.FindStringSubmatch(text)
			found := map[string]string{"seq": "a list", "map": "a set of options"}[m[1]]
			if found == "" {
				found = `"` + m[2] + `"`
			}
			for _, w := range wanted {
				if strings.HasPrefix(m[3], w.kind) {
					return found + " is there where " + w.words + " should be"
				}
			}
			return text
		})
	}
	return errors.New(strings.Join(lines, "; "))
}
