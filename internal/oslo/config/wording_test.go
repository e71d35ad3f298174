package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/config"
)

type options struct {
	List  []string      `yaml:"list"`
	On    bool          `yaml:"on"`
	Size  int64         `yaml:"size"`
	For   time.Duration `yaml:"for"`
	Inner struct {
		Name string `yaml:"name"`
	} `yaml:"inner"`
}

func (*options) Check() error { return nil }

// TestWording: a mistake is told in an operator's words.
func TestWording(t *testing.T) {
	for text, want := range map[string]string{
		"lst: [a]":                      `line 1: there is no option "lst" here`,
		"inner: {nme: a}":               `line 1: there is no option "nme" here`,
		"list: a:file, b:http":          `line 1: "a:file,..." is there where a list such as [a, b] should be`,
		"\"on\": yes please\nsize: 1TB": `line 1: "yes please" is there where true or false should be; line 2: "1TB" is there where a whole number should be`,
		"size: [1]":                     `line 1: a list is there where a whole number should be`,
		"for: soon":                     `line 1: "soon" is there where a duration such as 1m30s should be`,
		"inner: a":                      `line 1: "a" is there where options, each a name and a value should be`,
		"[a]":                           `line 1: a list is there where options, each a name and a value should be`,
		"inner: {name: {a: b}}":         `line 1: a set of options is there where a text should be`,
		"list: [a":                      `did not find expected ',' or ']'`,
	} {
		file := filepath.Join(t.TempDir(), "options.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := config.Load(file, false, &options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "unmarshal") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
