package internal

import (
	"os/exec"
	"strings"
	"testing"
)

// services are the packages that reach each other only through public APIs.
var services = []string{"keystone", "glance", "placement", "nova", "neutron"}

// layers may import what stands at a higher number, within one service.
var layers = map[string]int{"api": 1, "agent": 1, "service": 2, "store": 3, "peers": 3, "rpcapi": 3}

// TestImportsGoDown keeps services apart and layers in order.
func TestImportsGoDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "nacre/internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), ": ")
		pkg = strings.TrimPrefix(pkg, "nacre/internal/")
		for _, dep := range strings.Fields(imports) {
			if dep, ours := strings.CutPrefix(dep, "nacre/internal/"); ours {
				if why := forbidden(pkg, dep); why != "" {
					t.Errorf("%s imports %s: %s", pkg, dep, why)
				}
			}
		}
	}
}

func forbidden(pkg, dep string) string {
	from, to := serviceOf(pkg), serviceOf(dep)
	switch {
	case strings.HasPrefix(pkg, "oslo/") && !strings.HasPrefix(dep, "oslo/"):
		return "oslo knows no service"
	case from != "" && strings.HasPrefix(dep, "cloud"):
		return "a service does not know the cloud"
	case from != "" && to != "" && from != to:
		return "services meet through their public APIs"
	case from != "" && from == to && pkg == from && !strings.HasPrefix(dep, "oslo/"):
		return "nouns import only oslo"
	}
	a, b := layerOf(pkg), layerOf(dep)
	if from == to && a != 0 && b != 0 && b < a {
		return "imports go down: api, service, store and peers, nouns"
	}
	return ""
}

func serviceOf(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	for _, s := range services {
		if s == first {
			return s
		}
	}
	return ""
}

func layerOf(pkg string) int {
	parts := strings.Split(pkg, "/")
	if len(parts) < 2 {
		return 0
	}
	return layers[parts[1]]
}

// TestPackagesAreDescribed wants a package comment that says what a package does.
func TestPackagesAreDescribed(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}|{{.Doc}}|{{len .GoFiles}}`, "nacre/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		if parts[1] == "" && parts[len(parts)-1] != "0" {
			t.Errorf("%s has no package comment", parts[0])
		}
	}
}
