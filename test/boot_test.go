// Package test holds the scenarios that need the whole cloud: real guests, the
// real client, killed processes.
package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"nacre/test/host"
)

// boot is how long a guest may take under emulation on a busy machine.
const boot = 4 * time.Minute

type named struct {
	ID     string
	Name   string `json:"name"`
	Status string `json:"status"`
}

// tenant is what a user prepares once before booting guests that can be reached.
func tenant(h *host.Host) (key string) {
	key = filepath.Join(filepath.Dir(h.Dir), "id")
	h.Must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	h.Show(nil, "keypair", "create", "--public-key", key+".pub", "mine")
	h.Show(nil, "network", "create", "net1")
	h.Show(nil, "subnet", "create", "--network", "net1", "--subnet-range", "10.1.0.0/24", "--dns-nameserver", "9.9.9.9", "sub1")
	h.Show(nil, "router", "create", "r1")
	h.Show(nil, "router", "set", "--external-gateway", "public", "r1")
	h.Show(nil, "router", "add", "subnet", "r1", "sub1")
	h.Show(nil, "security", "group", "create", "open")
	h.Show(nil, "security", "group", "rule", "create", "--proto", "tcp", "--dst-port", "22", "open")
	h.Show(nil, "security", "group", "rule", "create", "--proto", "icmp", "open")
	h.Show(nil, "flavor", "create", "--ram", "128", "--disk", "1", "--vcpus", "1", "tiny")
	return key
}

// ssh runs a command in a guest.
func ssh(h *host.Host, key, ip, command string) (string, error) {
	return h.Run("ssh", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "cirros@"+ip, command)
}

// reached waits until a guest answers SSH and returns what the command printed.
func reached(h *host.Host, key, ip, command string) (out string) {
	h.Until("SSH to "+ip, boot, func() bool {
		var err error
		out, err = ssh(h, key, ip, command)
		return err == nil
	})
	return out
}

// TestBoot is a user's first hour with the unmodified client: image, network,
// router, security group, key, guest, floating IP, SSH; then everything is
// deleted and nothing is left.
func TestBoot(t *testing.T) {
	h := host.New(t)
	h.Up()
	before := footprint(h)
	h.Show(nil, "image", "create", "--disk-format", "qcow2", "--container-format", "bare", "--file", os.Getenv("NACRE_GUEST_IMAGE"), "guest")
	key := tenant(h)
	data := filepath.Join(filepath.Dir(h.Dir), "user-data")
	if err := os.WriteFile(data, []byte("#!/bin/sh\necho user data ran > /tmp/proof\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var srv struct {
		ID        string
		Status    string
		Addresses map[string][]string
	}
	create := func(name, net string, more ...string) string {
		args := append([]string{"server", "create", "--wait", "--image", "guest", "--flavor", "tiny", "--key-name", "mine", "--network", net,
			"--security-group", "open", "--user-data", data}, more...)
		out, err := h.OpenStack(nil, append(args, "-f", "json", name)...)
		if err != nil {
			t.Fatal(err)
		}
		raw := map[string]any{}
		if err := json.Unmarshal([]byte(out), &raw); err != nil || raw["status"] != "ACTIVE" {
			t.Fatalf("%s is not ACTIVE: %v\n%s", name, err, out)
		}
		srv.ID = raw["id"].(string)
		return srv.ID
	}
	create("one", "net1")
	var fip map[string]any
	h.Show(&fip, "floating", "ip", "create", "public")
	ip := fip["floating_ip_address"].(string)
	h.Show(nil, "server", "add", "floating", "ip", "one", ip)

	h.Until("login prompt on the console", boot, func() bool {
		out, err := h.OpenStack(nil, "console", "log", "show", "one")
		return err == nil && strings.Contains(out, "login:")
	})
	h.Until("ping of the floating IP", boot, func() bool { _, err := h.Run("ping", "-c1", "-W2", ip); return err == nil })
	if out := reached(h, key, ip, "hostname; cat /tmp/proof"); !strings.Contains(out, "one") || !strings.Contains(out, "user data ran") {
		t.Errorf("in the guest: %q", out)
	}
	out, err := ssh(h, key, ip, "timeout 20 wget -q -O - http://169.254.169.254/latest/meta-data/instance-id; timeout 20 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json")
	if err != nil || !strings.Contains(out, "i-") || !strings.Contains(out, srv.ID) {
		t.Errorf("metadata: %v %q", err, out)
	}

	t.Run("neighbours reach each other, strangers do not", func(t *testing.T) { neighbours(t, h, key, ip, create) })
	t.Run("spoofing is not heard", func(t *testing.T) { spoofing(t, h, key, ip) })
	t.Run("restart keeps guests", func(t *testing.T) {
		if took := h.Stop(); took > 2*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if _, err := ssh(h, key, ip, "true"); err != nil {
			t.Errorf("the guest went away with the cloud: %v", err)
		}
		h.Up()
		var one map[string]any
		h.Show(&one, "server", "show", "one")
		if one["status"] != "ACTIVE" {
			t.Errorf("after the restart: %v", one["status"])
		}
		reached(h, key, ip, "true")
	})
	t.Run("nothing is left", func(t *testing.T) {
		for _, args := range [][]string{{"server", "delete", "--wait", "one", "two", "three"}, {"floating", "ip", "delete", ip},
			{"router", "unset", "--external-gateway", "r1"}, {"router", "remove", "subnet", "r1", "sub1"}, {"router", "delete", "r1"},
			{"network", "delete", "net1", "net2"}, {"security", "group", "delete", "open"}, {"keypair", "delete", "mine"}, {"flavor", "delete", "tiny"}, {"image", "delete", "guest"}} {
			h.Show(nil, args...)
		}
		h.Until("the machine is as before", time.Minute, func() bool { return footprint(h) == before })
	})
}

// neighbours boots a second guest beside the first and a third on another
// network, and tries who reaches whom.
func neighbours(t *testing.T, h *host.Host, key, ip string, create func(name, net string, more ...string) string) {
	create("two", "net1")
	h.Show(nil, "network", "create", "net2")
	h.Show(nil, "subnet", "create", "--network", "net2", "--subnet-range", "10.2.0.0/24", "sub2")
	create("three", "net2")
	h.Until("the second guest answers the first", boot, func() bool {
		_, err := ssh(h, key, ip, "ping -c1 -W2 "+fixedIP(h, "two"))
		return err == nil
	})
	if out, err := ssh(h, key, ip, "ping -c2 -W2 "+fixedIP(h, "three")); err == nil {
		t.Errorf("a guest on another network answers: %s", out)
	}
}

var ipv4 = regexp.MustCompile(`10\.\d+\.\d+\.\d+`)

func fixedIP(h *host.Host, server string) string {
	var one map[string]any
	h.Show(&one, "server", "show", server)
	return ipv4.FindString(fmt.Sprint(one["addresses"]))
}

// spoofing has the first guest speak with a foreign IP and MAC address.
func spoofing(t *testing.T, h *host.Host, key, ip string) {
	two := fixedIP(h, "two")
	out, err := ssh(h, key, ip, "sudo ip addr add 10.1.0.222/24 dev eth0 && ping -c2 -W2 -I 10.1.0.222 "+two+"; r=$?; sudo ip addr del 10.1.0.222/24 dev eth0; exit $r")
	if err == nil {
		t.Errorf("a foreign IP is heard: %s", out)
	}
	if _, err := ssh(h, key, ip, "ping -c1 -W5 "+two); err != nil {
		t.Errorf("its own address is not heard any more: %v", err)
	}
	script := "sudo sh -c 'ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:99; ip link set eth0 up; sleep 8; ip link set eth0 down; ip link set eth0 address '$(cat /sys/class/net/eth0/address)'; ip link set eth0 up' >/dev/null 2>&1 &"
	if _, err := ssh(h, key, ip, script); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // the guest changes its address behind our back; nothing tells when
	if _, err := h.Run("ping", "-c2", "-W1", ip); err == nil {
		t.Error("a foreign MAC address is heard")
	}
}

// footprint lists what the cloud has on the machine: links, namespaces,
// guests, ports of tenants, claims and files of guests.
func footprint(h *host.Host) string {
	var b strings.Builder
	for _, q := range [][]string{{"sh", "-c", "ip -o link | cut -d: -f2 | cut -d@ -f1 | sort"}, {"sh", "-c", "ls /run/netns | sort"},
		{"sh", "-c", "ls " + h.Dir + "/instances 2>/dev/null | sort"}, {"sh", "-c", "nft list ruleset 2>/dev/null | grep -c tap; true"}} {
		out, err := h.Run(q[0], q[1:]...)
		fmt.Fprintln(&b, q, out, err)
	}
	for _, list := range [][]string{{"server", "list", "--all-projects"}, {"port", "list", "--device-owner", "compute:nova"}, {"floating", "ip", "list"}} {
		out, err := h.OpenStack(nil, append(list, "-f", "value", "-c", "ID")...)
		fmt.Fprintln(&b, list, strings.TrimSpace(out), err)
	}
	return b.String()
}
