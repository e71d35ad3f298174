package cloud_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nacre/internal/cloud"
	"nacre/internal/oslo/httpapi"
)

var update = flag.Bool("update", false, "print docs/reference anew")

// TestReference compares docs/reference with the tables it is printed from.
func TestReference(t *testing.T) {
	for _, s := range cloud.Services {
		api, err := s.NewAPI()
		if err != nil {
			t.Fatal(err)
		}
		compare(t, s.Name+"-api.md", routes(s, api))
		rules, err := cloud.DefaultPolicy(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "# Default policy of %s. Copy lines to policy/%s.yaml in the state directory, without the mark, to change them.\n", s.Name, s.Name)
		cloud.PrintPolicy(&b, rules)
		compare(t, s.Name+"-policy.yaml", b.Bytes())
	}
}

func routes(s cloud.Service, api *httpapi.API) []byte {
	table := slices.Clone(api.Table())
	slices.SortStableFunc(table, func(a, b httpapi.Route) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method), strings.Compare(a.Action, b.Action))
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Operations of %s\n\n", s.Name)
	svc := api.Service()
	if svc.MaxVersion != "" {
		fmt.Fprintf(&b, "Microversions %s to %s.\n\n", svc.MinVersion, svc.MaxVersion)
	}
	fmt.Fprintln(&b, "| method | path | action | versions | success | rule |\n| --- | --- | --- | --- | --- | --- |")
	for _, r := range table {
		versions := ""
		if r.Min != "" || r.Max != "" {
			versions = r.Min + "–" + r.Max
		}
		rule := r.Rule.Name
		if r.Public {
			rule = "(no token)"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %d | %s |\n", r.Method, r.Path, r.Action, versions, r.Status, rule)
	}
	return b.Bytes()
}

func compare(t *testing.T, name string, want []byte) {
	t.Helper()
	file := filepath.Join("../../docs/reference", name)
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is not what the tables say; print it anew with go test ./internal/cloud -update and read the difference", file)
	}
}
