package bench

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/test/host"
)

// BenchmarkGuest boots a real guest, on a machine of its own, and tells when
// it is ACTIVE, says its first word, asks for a login and lets in by SSH
// through a floating IP, all counted from the POST, and what each step of the
// flow took. One guest has been there before, so the host has the image; keys
// come on a config drive, for a guest that starves gives up asking for them.
func BenchmarkGuest(b *testing.B) {
	if os.Getenv("NACRE_GUEST_IMAGE") == "" {
		b.Fatal("NACRE_GUEST_IMAGE names no image: run make bench")
	}
	h := host.New(b)
	h.Up("--verbose")
	g := &guests{Host: h, API: h.API(), b: b}
	g.prepare()
	g.remove(g.boot(nil))
	took := map[string]time.Duration{}
	b.ResetTimer()
	for range b.N {
		g.remove(g.boot(took))
	}
	b.StopTimer()
	for what, d := range took {
		b.ReportMetric(ms(d)/float64(b.N), what+"-ms")
	}
	b.ReportMetric(0, "ns/op") // the sum would tell nothing
}

// guests are booted one after the other on one machine.
type guests struct {
	*host.Host
	*host.API
	b                           *testing.B
	key                         string
	flavor, image, inner, outer string
}

func (g *guests) prepare() {
	g.key = filepath.Join(filepath.Dir(g.Dir), "id")
	g.Must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", g.key)
	public, err := os.ReadFile(g.key + ".pub")
	if err != nil {
		g.b.Fatal(err)
	}
	g.Want(201, "POST", "8774/v2.1/os-keypairs", map[string]any{"keypair": map[string]any{"name": "mine", "public_key": strings.TrimSpace(string(public))}}, nil)
	var images struct{ Images []struct{ ID string } }
	g.Want(200, "GET", "9292/v2/images?name=minios", nil, &images)
	g.image = images.Images[0].ID
	var flavors struct{ Flavors []struct{ ID, Name string } }
	g.Want(200, "GET", "8774/v2.1/flavors", nil, &flavors)
	for _, f := range flavors.Flavors {
		if f.Name == "m1.nano" {
			g.flavor = f.ID
		}
	}
	var nets struct{ Networks []struct{ ID, Name string } }
	g.Want(200, "GET", "9696/v2.0/networks", nil, &nets)
	for _, n := range nets.Networks {
		switch n.Name {
		case "private":
			g.inner = n.ID
		case "public":
			g.outer = n.ID
		}
	}
	var groups struct {
		Groups []struct{ ID string } `json:"security_groups"`
	}
	g.Want(200, "GET", "9696/v2.0/security-groups?name=default", nil, &groups)
	for _, group := range groups.Groups {
		g.Want(201, "POST", "9696/v2.0/security-group-rules", map[string]any{"security_group_rule": map[string]any{"security_group_id": group.ID,
			"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}}, nil)
	}
}

// guest is one that was booted, with its floating IP.
type guest struct{ id, fip string }

// boot adds to took, unless that is nil, how long everything took.
func (g *guests) boot(took map[string]time.Duration) (is guest) {
	from := g.logged()
	began := time.Now()
	note := func(what string) {
		if took != nil {
			took[what] += time.Since(began)
		}
	}
	var made struct{ Server struct{ ID, Status string } }
	g.Want(202, "POST", "8774/v2.1/servers", map[string]any{"server": map[string]any{"name": "one", "flavorRef": g.flavor, "imageRef": g.image,
		"key_name": "mine", "config_drive": true, "networks": []map[string]string{{"uuid": g.inner}}}}, &made)
	is.id = made.Server.ID
	note("accepted")
	for made.Server.Status != "ACTIVE" {
		if g.Want(200, "GET", "8774/v2.1/servers/"+is.id, nil, &made); made.Server.Status == "ERROR" || time.Since(began) > guestLimit {
			g.b.Fatalf("the guest is %s", made.Server.Status)
		}
		time.Sleep(5 * time.Millisecond)
	}
	note("active")
	steps(g.logged()[len(from):], is.id, took)
	var fip struct {
		FloatingIP struct {
			ID      string
			Address string `json:"floating_ip_address"`
		} `json:"floatingip"`
	}
	var ports struct{ Ports []struct{ ID string } }
	g.Want(200, "GET", "9696/v2.0/ports?device_id="+is.id, nil, &ports)
	g.Want(201, "POST", "9696/v2.0/floatingips", map[string]any{"floatingip": map[string]any{"floating_network_id": g.outer, "port_id": ports.Ports[0].ID}}, &fip)
	is.fip = fip.FloatingIP.ID
	ssh := make(chan error, 1)
	go func() { ssh <- g.ssh(fip.FloatingIP.Address) }()
	g.console(is.id, "")
	note("first-output")
	g.console(is.id, "login:")
	note("login-prompt")
	if err := <-ssh; err != nil {
		g.b.Fatal(err)
	}
	note("ssh")
	return is
}

// guestLimit is how long a guest may take under emulation on a busy machine.
const guestLimit = 5 * time.Minute

// ssh logs in as soon as the guest lets it.
func (g *guests) ssh(address string) (err error) {
	for began := time.Now(); time.Since(began) < guestLimit; time.Sleep(100 * time.Millisecond) {
		if _, err = g.Run("ssh", "-i", g.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
			"-o", "ConnectTimeout=2", "-o", "BatchMode=yes", "cirros@"+address, "true"); err == nil {
			return nil
		}
	}
	return err
}

// console waits until the guest has said words.
func (g *guests) console(server, words string) {
	for began := time.Now(); time.Since(began) < guestLimit; time.Sleep(50 * time.Millisecond) {
		var out struct{ Output string }
		g.Want(200, "POST", "8774/v2.1/servers/"+server+"/action", map[string]any{"os-getConsoleOutput": map[string]any{}}, &out)
		if out.Output != "" && strings.Contains(out.Output, words) {
			return
		}
	}
	g.b.Fatalf("the guest did not say %q within %s", words, guestLimit)
}

// logged is what the cloud has logged.
func (g *guests) logged() string {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(g.Dir), "log"))
	if err != nil {
		g.b.Fatal(err)
	}
	return string(text)
}

// steps adds what the log says of the flow that built a server.
func steps(log, server string, took map[string]time.Duration) {
	for lines := bufio.NewScanner(strings.NewReader(log)); lines.Scan() && took != nil; {
		var line struct {
			Msg, Flow, Resource, Step string
			Took                      time.Duration
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "flow step" && line.Resource == server {
			took["step-"+line.Step] += line.Took
		}
	}
}

// remove deletes a guest and waits until it is gone.
func (g *guests) remove(is guest) {
	g.Want(204, "DELETE", "9696/v2.0/floatingips/"+is.fip, nil, nil)
	g.Want(204, "DELETE", "8774/v2.1/servers/"+is.id, nil, nil)
	g.Until("the guest is gone", guestLimit, func() bool {
		status, _ := g.Do("GET", "8774/v2.1/servers/"+is.id, nil, nil)
		return status == 404
	})
}
