// Package test holds the scenarios that need the whole cloud: real guests, the
// real client, killed processes.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/test/host"
)

// boot is how long a guest may take under emulation on a busy machine.
const boot = 4 * time.Minute

// hour is a user's first hour with the cloud, and a stranger's beside it.
type hour struct {
	*host.Host
	me, stranger host.Client
	key, ip      string            // of the user's first guest, "one"
	ids, fixed   map[string]string // of the servers
	away         string            // namespace of the stranger's DHCP
}

// TestBoot is a user's first hour with the unmodified client: image, network,
// router, security group, key, guest, floating IP, SSH; then everything is
// deleted and nothing is left.
func TestBoot(t *testing.T) {
	u := &hour{Host: host.New(t), ids: map[string]string{}, fixed: map[string]string{}}
	u.Up()
	u.Admin().Script("project create one", "user create --project one --password mine me", "role add --user me --project one member",
		"project create two", "user create --project two --password theirs stranger", "role add --user stranger --project two member")
	u.me, u.stranger = u.Client("me", "mine", "one"), u.Client("stranger", "theirs", "two")
	for _, who := range []host.Client{u.me, u.stranger, u.Admin()} {
		who.Must("security", "group", "list") // makes the project's default group
	}
	before := u.Settled()
	u.prepare(t)
	u.boot()

	u.Sub("the console shows the login prompt", func(*testing.T) { // it comes after all else, SSH answers before
		u.Until("the prompt", boot, func() bool { return strings.Contains(u.me.Must("console", "log", "show", "one"), "one login:") })
	})
	u.Sub("user data ran and metadata answers", u.metadata)
	u.Sub("neighbours reach each other, strangers do not", u.neighbours)
	u.Sub("what no group allows is not let in", u.groups)
	u.Sub("a foreign address is not heard", u.spoofing)
	u.Sub("the screen is seen", u.console)
	u.Sub("the guest obeys", u.obedience)
	u.Sub("restart keeps guests", u.restart)
	u.Sub("nothing is left", func(t *testing.T) {
		u.me.Script("server delete --wait one two", "floating ip delete "+u.ip, "router unset --external-gateway r1", "router remove subnet r1 sub1",
			"router delete r1", "network delete net1", "security group delete open", "keypair delete mine", "image delete guest")
		u.stranger.Script("server delete --wait three", "port delete entry", "network delete net2", "security group delete pingable")
		sameAs(t, u.Host, before)
	})
}

// sameAs waits until the cloud has on its machine what it had before.
func sameAs(t *testing.T, h *host.Host, before host.Footprint) {
	t.Helper()
	var more, less host.Footprint
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		now := h.Footprint()
		if more, less = now.Without(before), before.Without(now); len(more)+len(less) == 0 {
			return
		}
	}
	t.Fatalf("left over:\n  %s\nmissing:\n  %s", strings.Join(more, "\n  "), strings.Join(less, "\n  "))
}

// prepare makes what guests need that can be reached. The stranger's network
// has the same addresses.
func (u *hour) prepare(t *testing.T) {
	u.key = filepath.Join(filepath.Dir(u.Dir), "id")
	u.Must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", u.key)
	if err := os.WriteFile(u.key+".sh", []byte("#!/bin/sh\necho user data ran > /tmp/proof\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.me.Script("image create --disk-format qcow2 --container-format bare --file "+os.Getenv("NACRE_GUEST_IMAGE")+" guest",
		"keypair create --public-key "+u.key+".pub mine",
		"network create net1",
		"subnet create --network net1 --subnet-range 10.1.0.0/24 --allocation-pool start=10.1.0.10,end=10.1.0.50 sub1",
		"router create r1", "router set --external-gateway public r1", "router add subnet r1 sub1",
		"security group create open",
		"security group rule create --proto tcp --dst-port 22 open", "security group rule create --proto icmp open")
	u.stranger.Script("network create net2", "subnet create --network net2 --subnet-range 10.1.0.0/24 sub2",
		"security group create pingable", "security group rule create --proto icmp pingable",
		"port create --network net2 --fixed-ip ip-address="+theirs+" --security-group default --security-group pingable entry")
}

// theirs is the address of the stranger's guest, which nobody has on the user's network.
const theirs = "10.1.0.77"

// boot starts the three guests at once and waits until the first answers.
func (u *hour) boot() {
	var net2 struct{ ID string }
	u.stranger.Show(&net2, "network", "show", "net2")
	u.away = "qdhcp-" + net2.ID
	var booting sync.WaitGroup
	booting.Go(func() {
		u.stranger.Script("server create --wait --image minios --flavor m1.nano --port entry three")
	})
	create := "server create --wait --image guest --flavor m1.nano --key-name mine --network net1 --security-group open --user-data " + u.key + ".sh "
	u.me.Script(create+"one", create+"two")
	booting.Wait()
	u.know(u.me, 2)
	u.know(u.stranger, 1)
	var fip struct {
		Address string `json:"floating_ip_address"`
	}
	u.me.Show(&fip, "floating", "ip", "create", "public")
	u.ip = fip.Address
	u.me.Must("server", "add", "floating", "ip", "one", u.ip)
	u.Until("ping of the floating IP", boot, func() bool { _, err := u.Run("ping", "-c1", "-W2", u.ip); return err == nil })
	u.Until("SSH to the floating IP", boot, func() bool { _, err := u.ssh("cat /tmp/proof"); return err == nil })
}

// know notes the servers of a user, who must have that many, all ACTIVE.
func (u *hour) know(who host.Client, count int) {
	var servers []struct {
		ID, Name, Status string
		Networks         map[string][]string
	}
	who.Show(&servers, "server", "list")
	for _, s := range servers {
		if s.Status != "ACTIVE" || len(servers) != count {
			u.Fail("the servers are %v", servers)
		}
		u.ids[s.Name] = s.ID
		for _, addresses := range s.Networks {
			u.fixed[s.Name] = addresses[0]
		}
	}
}

// ssh runs a command in the first guest.
func (u *hour) ssh(command string) (string, error) {
	return u.Run("ssh", "-i", u.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "cirros@"+u.ip, command)
}

func (u *hour) metadata(t *testing.T) {
	if out, err := u.ssh("hostname; cat /tmp/proof"); err != nil || !strings.Contains(out, "one") || !strings.Contains(out, "user data ran") {
		t.Errorf("in the guest: %v %q", err, out)
	}
	out, err := u.ssh("timeout 20 wget -q -O - http://169.254.169.254/latest/meta-data/instance-id; timeout 20 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json")
	if err != nil || !strings.Contains(out, "i-") || !strings.Contains(out, u.ids["one"]) {
		t.Errorf("metadata: %v %q", err, out)
	}
}

// near pings the stranger's guest from its own network, where DHCP answers.
func (u *hour) near() error {
	_, err := u.Run("ip", "netns", "exec", u.away, "ping", "-c1", "-W2", u.fixed["three"])
	return err
}

func (u *hour) neighbours(t *testing.T) {
	u.Until("the second guest answers the first", boot, func() bool { _, err := u.ssh("ping -c1 -W2 " + u.fixed["two"]); return err == nil })
	u.Until("the stranger's guest answers its own network", boot, func() bool { return u.near() == nil })
	if out, err := u.ssh("ping -c2 -W2 " + theirs); err == nil {
		t.Errorf("a guest on another project's network answers: %s", out)
	}
}

// groups takes the group from the stranger's port that lets its guest be pinged.
func (u *hour) groups(*testing.T) {
	u.stranger.Must("port", "unset", "--security-group", "pingable", "entry")
	u.Until("the stranger's guest is not pinged any more", time.Minute, func() bool { return u.near() != nil })
}

// spoofing has the first guest speak with a foreign IP, then with a foreign MAC
// address: nobody hears it, until the port allows both.
func (u *hour) spoofing(t *testing.T) {
	const foreignIP, foreignMAC = "10.1.0.222", "02:00:00:00:00:99"
	// The connection breaks while the MAC address is another one, so the guest does it alone.
	script := fmt.Sprintf(`exec >/tmp/spoof.new 2>&1
ip addr add %[1]s/24 dev eth0; ping -c2 -W3 -I %[1]s %[3]s; echo "ip=$?"; ip addr del %[1]s/24 dev eth0
mac=$(cat /sys/class/net/eth0/address); ip link set eth0 address %[2]s; ping -c2 -W3 %[3]s; echo "mac=$?"; ip link set eth0 address $mac
ping -c3 -W3 10.1.0.1; ping -c5 -W3 %[3]s; echo "own=$?"; mv /tmp/spoof.new /tmp/spoof`, foreignIP, foreignMAC, u.fixed["two"])
	try := func() (out string) {
		u.Until("the guest tries foreign addresses", boot, func() bool {
			_, err := u.ssh("sudo rm -f /tmp/spoof; sudo setsid sh -c '" + script + "' </dev/null >/dev/null 2>&1 &")
			return err == nil
		})
		u.Until("the guest has tried foreign addresses", boot, func() bool {
			var err error
			out, err = u.ssh("cat /tmp/spoof")
			return err == nil
		})
		if !strings.Contains(out, "own=0") {
			t.Errorf("its own address is not heard any more:\n%s", out)
		}
		return out
	}
	if out := try(); !strings.Contains(out, "ip=1") || !strings.Contains(out, "mac=1") {
		t.Errorf("a foreign address is heard:\n%s", out)
	}
	var ports []struct{ ID string }
	u.me.Show(&ports, "port", "list", "--server", u.ids["one"])
	u.me.Must("port", "set", ports[0].ID, "--allowed-address", "ip-address="+foreignIP, "--allowed-address", "ip-address="+u.fixed["one"]+",mac-address="+foreignMAC)
	u.Until("the port's allowed addresses are heard", boot, func() bool {
		out := try()
		return strings.Contains(out, "ip=0") && strings.Contains(out, "mac=0")
	})
}

// restart stops the cloud in order and starts it again: guests do not notice.
func (u *hour) restart(t *testing.T) {
	guests := u.Processes("qemu-system")
	u.Stop()
	answers := func() bool { _, err := u.ssh("true"); return err == nil }
	u.Until("the guest answers without the cloud", boot, answers)
	u.Up()
	if now := u.Processes("qemu-system"); len(guests) != 3 || !slices.Equal(now, guests) {
		t.Errorf("guests were processes %v and are %v", guests, now)
	}
	var one struct{ Status string }
	u.me.Show(&one, "server", "show", "one")
	if one.Status != "ACTIVE" {
		t.Errorf("after the restart: %s", one.Status)
	}
	u.Until("the guest answers after the restart", boot, answers)
}
