package identity

import (
	"fmt"
	"strings"

	"nacre/internal/keystone"
)

// ParseConf reads a configuration file of the original's: groups in brackets,
// name = value or name: value, a line that begins with a blank goes on with the
// one before. All values are texts.
func ParseConf(text string) (keystone.DomainConfig, error) {
	config := keystone.DomainConfig{}
	group, option := "DEFAULT", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "":
			option = ""
		case trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed != line:
			if option == "" {
				return nil, fmt.Errorf("line %d goes on with no option", n)
			}
			config[group][option] = fmt.Sprint(config[group][option], "\n", trimmed)
		case line[0] == '[':
			if line[len(line)-1] != ']' || len(line) < 3 {
				return nil, fmt.Errorf("line %d is not [group]", n)
			}
			group, option = line[1:len(line)-1], ""
		default:
			at := strings.IndexAny(line, "=:")
			if at < 1 {
				return nil, fmt.Errorf("line %d is not name = value", n)
			}
			option = strings.TrimSpace(line[:at])
			if config[group] == nil {
				config[group] = map[string]any{}
			}
			if _, twice := config[group][option]; twice {
				return nil, fmt.Errorf("line %d gives %s a second time", n, option)
			}
			config[group][option] = unquoted(strings.TrimSpace(line[at+1:]))
		}
	}
	return config, nil
}

func unquoted(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
