package configdrive

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func tree() map[string][]byte {
	return map[string][]byte{
		"openstack/latest/meta_data.json":         []byte(`{"uuid": "u"}`),
		"openstack/latest/network_data.json":      []byte("{}"),
		"openstack/latest/user_data":              bytes.Repeat([]byte("#!/bin/sh\n"), 1000),
		"openstack/2012-08-10/meta_data.json":     []byte("{}"),
		"openstack/content/0000":                  []byte("payload"),
		"openstack/content/a-Name.with.dots":      {},
		"ec2/latest/meta-data.json":               []byte("{}"),
		"ec2/2009-04-04/meta-data.json":           []byte("[]"),
		"openstack/latest/vendor_data2.json":      []byte("{}"),
		"openstack/latest/vendor-data2.json":      []byte("{ }"), // maps to the same ISO name
		strings.Repeat("d", maxName) + "/some.md": []byte("x"),
	}
}

// TestOtherReaders asks isoinfo, another's reader, for names and contents in both trees.
func TestOtherReaders(t *testing.T) {
	isoinfo, err := exec.LookPath("isoinfo")
	if err != nil {
		t.Fatal("isoinfo is not installed: it is in Debian's genisoimage")
	}
	file := filepath.Join(t.TempDir(), "c.iso")
	if err := WriteFile(file, tree(), at); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"-R", "-J"} {
		t.Run(mode, func(t *testing.T) {
			list, err := exec.Command(isoinfo, "-f", mode, "-i", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, list)
			}
			for name, content := range tree() {
				if !strings.Contains(string(list), "/"+name+"\n") {
					t.Errorf("%s is not in\n%s", name, list)
				}
				got, err := exec.Command(isoinfo, mode, "-x", "/"+name, "-i", file).Output()
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %v, %d bytes, want %d", name, err, len(got), len(content))
				}
			}
		})
	}
	d, err := exec.Command(isoinfo, "-d", "-i", file).CombinedOutput()
	if err != nil || !strings.Contains(string(d), "Volume id: "+Label) {
		t.Errorf("%v: %s", err, d)
	}
}

// TestMount asks the kernel, where it can.
func TestMount(t *testing.T) {
	dir := t.TempDir()
	file, mnt := filepath.Join(dir, "c.iso"), filepath.Join(dir, "m")
	if err := WriteFile(file, tree(), at); err != nil {
		t.Fatal(err)
	}
	_ = os.Mkdir(mnt, 0o700)
	if out, err := exec.Command("mount", "-o", "ro,loop", file, mnt).CombinedOutput(); err != nil {
		t.Skipf("cannot mount here: %s", out)
	}
	defer exec.Command("umount", mnt).Run()
	for name, content := range tree() {
		if got, err := os.ReadFile(filepath.Join(mnt, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %v, %d bytes, want %d", name, err, len(got), len(content))
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, files := range map[string]map[string][]byte{
		"absolute":     {"/a": nil},
		"upwards":      {"../a": nil},
		"unclean":      {"a//b": nil},
		"file and dir": {"a": nil, "a/b": nil},
		"too long":     {strings.Repeat("x", maxName+1): nil},
		"too deep":     {"1/2/3/4/5/6/7/8/9": nil},
		"the root":     {".": nil},
	} {
		if _, err := Build(files, at); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestManyFiles(t *testing.T) {
	files := map[string][]byte{}
	for i := range 500 {
		files["openstack/content/"+strings.Repeat("n", i%40)+string(rune('a'+i%26))+time.Duration(i).String()] = []byte{byte(i)}
	}
	a, err := Build(files, at)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Build(files, at)
	if !bytes.Equal(a, b) {
		t.Error("the same files gave another image")
	}
}
