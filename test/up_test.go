package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nacre/test/host"
)

// TestUp is the operator's side: what `nacre up` makes, says and listens on,
// and that a second run goes on from what is there.
func TestUp(t *testing.T) {
	h := host.New(t)
	flags := []string{"--virt-type", "fake", "--fake-hosts", "1", "--region", "Elsewhere"}
	h.Up(flags...)
	for _, name := range []string{"openrc", "clouds.yaml"} {
		file := filepath.Join(h.Dir, name)
		st, err := os.Stat(file)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
		if text, _ := os.ReadFile(file); !strings.Contains(string(text), "secret-of-the-test") || !strings.Contains(string(text), "Elsewhere") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
	if open := h.Must("find", h.Dir, "-perm", "/077", "(", "-name", "*.db*", "-o", "-name", "*secret*", "-o", "-name", "*key*", ")", "-type", "f"); open != "" {
		if private, err := os.Stat(filepath.Join(h.Dir, "db")); err != nil || private.Mode().Perm() != 0o700 || !onlyBelow(open, filepath.Join(h.Dir, "db")) {
			t.Errorf("others may read:\n%s", open)
		}
	}
	summary := h.Log()
	for _, want := range []string{"The cloud is up, in ", "identity   http://127.0.0.1:5000", "image      http://127.0.0.1:9292", "placement  http://127.0.0.1:8778",
		"compute    http://127.0.0.1:8774", "network    http://127.0.0.1:9696", "metrics    http://127.0.0.1:9464/metrics", filepath.Join(h.Dir, "openrc"),
		filepath.Join(h.Dir, "clouds.yaml"), "public", "private", "image        minios", "openstack server create", "Ctrl-C stops the cloud"} {
		if !strings.Contains(summary, want) {
			t.Errorf("the summary says no word of %q:\n%s", want, summary)
		}
	}
	for _, at := range listeners(h) {
		if !strings.HasPrefix(at, "127.0.0.1:") {
			t.Errorf("it listens on %s without being asked to", at)
		}
	}
	_, err := h.Run(os.Getenv("NACRE_BINARY"), "up", "--state-dir", h.Dir, "--virt-type", "fake", "--port-offset", "1000")
	if err == nil || !strings.Contains(err.Error(), "is in use by another nacre") {
		t.Errorf("a second cloud on the same state: %v", err)
	}

	h.Admin().Must("project", "create", "kept")
	api := h.API()
	secret, _ := os.ReadFile(filepath.Join(h.Dir, "openrc"))
	h.Stop()
	h.Up(flags...)
	if again, _ := os.ReadFile(filepath.Join(h.Dir, "openrc")); string(again) != string(secret) {
		t.Errorf("other credentials:\n%s", again)
	}
	var projects struct{ Projects []struct{ Name string } }
	api.Want(200, "GET", "5000/v3/projects?name=kept", nil, &projects) // by the token of the first run
	if len(projects.Projects) != 1 {
		t.Errorf("projects: %v", projects)
	}
	var images struct{ Images []struct{ Name string } }
	api.Want(200, "GET", "9292/v2/images", nil, &images)
	if len(images.Images) != 1 {
		t.Errorf("after two runs the images are %v", images)
	}
	h.Stop()

	h.Must("ip", "address", "add", "10.77.0.1/32", "dev", "lo")
	h.Up(append(flags, "--listen", "10.77.0.1")...)
	for _, at := range listeners(h) {
		if !strings.HasPrefix(at, "10.77.0.1:") && at != "127.0.0.1:9464" {
			t.Errorf("told to listen on 10.77.0.1 it listens on %s", at)
		}
	}
	var endpoints []struct{ URL, Region string }
	text := h.Must("env", "HOME="+filepath.Dir(h.Dir), "sh", "-c", ". "+filepath.Join(h.Dir, "openrc")+"; openstack endpoint list -f json")
	if err := json.Unmarshal([]byte(text), &endpoints); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, e := range endpoints {
		if !strings.HasPrefix(e.URL, "http://10.77.0.1:") || e.Region != "Elsewhere" {
			t.Errorf("endpoint %v", e)
		}
	}
	if len(endpoints) < 5 {
		t.Errorf("endpoints: %v", endpoints)
	}
	h.Stop()
}

// onlyBelow reports whether all files listed are in the directory.
func onlyBelow(files, dir string) bool {
	return !slices.ContainsFunc(strings.Fields(files), func(f string) bool { return !strings.HasPrefix(f, dir+"/") })
}

// listeners are the TCP addresses that the machine listens on.
func listeners(h *host.Host) []string {
	return strings.Fields(h.Must("sh", "-c", "ss -ltnH | awk '{print $4}'"))
}

// TestUpRefuses runs the binary without rights, programs, ports or a place for
// its state: it says all of that at once, with what mends it, and starts nothing.
func TestUpRefuses(t *testing.T) {
	h := host.New(t)
	binary, err := os.ReadFile(os.Getenv("NACRE_BINARY"))
	if err != nil {
		t.Fatal(err)
	}
	nacre := filepath.Join(filepath.Dir(h.Dir), "nacre")
	if err := os.WriteFile(nacre, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.Dir, 0o700); err != nil { // another's
		t.Fatal(err)
	}
	h.Listen("127.0.0.1:6080")
	h.Listen("127.0.0.1:9696")
	_, err = h.Run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "PATH=/nowhere", nacre, "up", "--state-dir", h.Dir+"/s")
	text := fmt.Sprint(err)
	for _, want := range []string{"this machine is not ready for a cloud", "state directory", "fix: nacre up --state-dir DIRECTORY",
		"nova-novncproxy cannot listen on 127.0.0.1:6080", "neutron cannot listen on 127.0.0.1:9696", "--port-offset 10000", "sport = :9696",
		"missing programs: qemu-system-x86_64, qemu-img", "fix: apt-get install -y --no-install-recommends ", "the rights of root", "fix: sudo nacre up", "exit status 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no word of %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "cannot listen on 127.0.0.1:5000") || strings.Contains(text, "The cloud is up") {
		t.Errorf("%s", text)
	}
	if left, _ := os.ReadDir(h.Dir); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	if running := h.Processes("nacre"); len(running) > 0 {
		t.Errorf("it runs as %v", running)
	}
}
