package linux

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNamespacesBesideIproute2 removes a namespace that was there before `ip
// netns add` ran for the first time since the machine started.
func TestNamespacesBesideIproute2(t *testing.T) {
	const within = "NACRE_TEST_WITHIN"
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	if os.Getenv(within) == "" { // in a mount namespace whose /run is fresh
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), within+"=yes")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	ns, _, err := ensureNamed("ours")
	if err != nil {
		t.Fatal(err)
	}
	ns.Close()
	if out, err := exec.Command("ip", "netns", "add", "theirs").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := deleteNamed("ours"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(netnsDir + "/ours"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the namespace is still there:", err)
	}
	if _, err := os.Stat(netnsDir + "/theirs"); err != nil {
		t.Error(err)
	}
}
