//go:build kill

package test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nacre/internal/nova/service"
	"nacre/test/host"
)

// limit is how long a step may take on a busy machine.
const limit = 90 * time.Second

// fleet is a cloud that is killed over and over, and what its servers are made of.
type fleet struct {
	*host.Host
	*host.API
	image, broken, network string
	before                 host.Footprint // without servers
}

type server struct {
	ID, Name, Status string
	Task             *string `json:"OS-EXT-STS:task_state"`
	Fault            *struct{ Message string }
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{Host: host.New(t)}
	f.Up()
	f.API = f.Host.API()
	var images struct{ Images []struct{ ID string } }
	f.Want(200, "GET", "9292/v2/images", nil, &images)
	f.image, f.broken = images.Images[0].ID, f.brokenImage()
	var networks struct{ Networks []struct{ ID string } }
	f.Want(200, "GET", "9696/v2.0/networks?name=private", nil, &networks)
	f.network = networks.Networks[0].ID
	f.create("first", f.image)
	f.became("first", "ACTIVE")
	port := f.ports("first")[0]
	f.delete("first")
	f.became("first", "")
	f.Until("nothing is left of the first server", limit, func() bool { // the host is cleared after the row is
		f.before = f.Settled()
		return len(f.Processes("qemu-system")) == 0 && !strings.Contains(strings.Join(f.before, " "), port[:11])
	})
	return f
}

// brokenImage is an image that no host can make a disk of.
func (f *fleet) brokenImage() string {
	var img struct{ ID string }
	f.Want(201, "POST", "9292/v2/images", map[string]any{"name": "broken", "disk_format": "qcow2", "container_format": "bare"}, &img)
	f.Want(204, "PUT", "9292/v2/images/"+img.ID+"/file", strings.NewReader(string(unreadable())), nil)
	return img.ID
}

// unreadable is a qcow2 (version 2) of 64 KiB with nothing dangerous in it,
// whose only table of clusters lies where none may.
func unreadable() []byte {
	const cluster = 64 << 10
	b := make([]byte, 3*cluster)
	copy(b, "QFI\xfb")
	be := binary.BigEndian
	be.PutUint32(b[4:], 2)
	be.PutUint32(b[20:], 16) // bits of a cluster
	be.PutUint64(b[24:], cluster)
	be.PutUint32(b[36:], 1) // entries of the first table
	be.PutUint64(b[40:], cluster)
	be.PutUint64(b[48:], 2*cluster) // counts of references
	be.PutUint32(b[56:], 1)
	be.PutUint64(b[cluster:], 1<<63|2*cluster+512)
	return b
}

// create asks for a server; the cloud may be killed before it answers.
func (f *fleet) create(name, image string) {
	f.ask("POST", "8774/v2.1/servers", map[string]any{"server": map[string]any{"name": name, "imageRef": image, "flavorRef": "42",
		"networks": []map[string]string{{"uuid": f.network}}}})
}

func (f *fleet) delete(name string) { f.ask("DELETE", "8774/v2.1/servers/"+f.server(name).ID, nil) }

func (f *fleet) act(name string, action map[string]any) {
	f.ask("POST", "8774/v2.1/servers/"+f.server(name).ID+"/action", action)
}

// ask sends a request that is accepted, or met by the end of the cloud.
func (f *fleet) ask(method, at string, body any) {
	if _, err := f.Do(method, at, body, nil); err != nil && !errors.Is(err, host.ErrAway) {
		f.Fail("%v", err)
	}
}

// server finds a server by name; the zero value when there is none.
func (f *fleet) server(name string) server {
	var found struct{ Servers []server }
	f.Want(200, "GET", "8774/v2.1/servers/detail?name="+name, nil, &found)
	for _, s := range found.Servers {
		if s.Name == name {
			return s
		}
	}
	return server{}
}

// became waits until a server is at no task and has the status; "" means gone.
func (f *fleet) became(name, status string) (s server) {
	var seen string
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		if s = f.server(name); s.Status == status && s.Task == nil {
			return s
		}
		if now := fmt.Sprintf("%s %v", s.Status, s.Fault); now != seen {
			seen = now
		}
		time.Sleep(100 * time.Millisecond)
	}
	f.Fail("%s is %s after %s, want %q", name, seen, limit, status)
	return s
}

// scene is what happens to a server when the cloud is killed, and how it ends.
type scene struct {
	prepare func(f *fleet, name string) // before the flow that is killed
	act     func(f *fleet, name string) // starts that flow
	status  string                      // in the end; "" is gone
}

func active(f *fleet, name string) {
	f.create(name, f.image)
	f.became(name, "ACTIVE")
}

func nothing(*fleet, string) {}

func (f *fleet) plug(name string) {
	f.ask("POST", "8774/v2.1/servers/"+f.server(name).ID+"/os-interface", map[string]any{"interfaceAttachment": map[string]string{"net_id": f.network}})
}

func (f *fleet) ports(name string) (ids []string) {
	var got struct {
		All []struct {
			PortID string `json:"port_id"`
		} `json:"interfaceAttachments"`
	}
	f.Want(200, "GET", "8774/v2.1/servers/"+f.server(name).ID+"/os-interface", nil, &got)
	for _, i := range got.All {
		ids = append(ids, i.PortID)
	}
	return ids
}

// scenes by flow. An undo happens to a server whose image is broken.
var scenes = map[string]scene{
	"server_create":      {nothing, func(f *fleet, name string) { f.create(name, f.image) }, "ACTIVE"},
	"server_create undo": {nothing, func(f *fleet, name string) { f.create(name, f.broken) }, "ERROR"},
	"server_delete":      {active, (*fleet).delete, ""},
	"server_power":       {active, func(f *fleet, name string) { f.act(name, map[string]any{"os-stop": nil}) }, "SHUTOFF"},
	"server_reboot_hard": {active, func(f *fleet, name string) { f.act(name, map[string]any{"reboot": map[string]string{"type": "HARD"}}) }, "ACTIVE"},
	"server_rebuild": {active, func(f *fleet, name string) {
		f.act(name, map[string]any{"rebuild": map[string]string{"imageRef": f.image}})
	}, "ACTIVE"},
	"server_attach_interface": {active, (*fleet).plug, "ACTIVE"},
	"server_detach_interface": {func(f *fleet, name string) {
		active(f, name)
		f.plug(name)
	}, func(f *fleet, name string) {
		id := f.server(name).ID
		f.ask("DELETE", "8774/v2.1/servers/"+id+"/os-interface/"+f.ports(name)[1], nil)
	}, "ACTIVE"},
}

// unreached are the ends of flows that never give up, and of those that only a
// failing host would undo: the flows' own tests go there.
func unreached(point string) bool {
	undo := strings.Contains(point, ".undo.") || strings.Contains(point, ".failed.")
	return undo && !strings.HasPrefix(point, "server_create.")
}

// TestKilledAtEveryStep kills the whole cloud at every step of every flow of a
// server. Started again, it brings the server to where it should be, and when
// that is deleted nothing is left.
func TestKilledAtEveryStep(t *testing.T) {
	f := newFleet(t)
	f.Kill()
	for _, point := range service.FailPoints() {
		if unreached(point) {
			continue
		}
		f.Sub(point, func(t *testing.T) { f.killedAt(t, point) })
	}
}

func (f *fleet) killedAt(t *testing.T, point string) {
	kind, step, _ := strings.Cut(point, ".")
	if strings.Contains(step, "undo.") || strings.HasPrefix(step, "failed.") {
		kind += " undo"
	}
	s, ok := scenes[kind]
	if !ok {
		t.Fatalf("no scene leads to %s", kind)
	}
	name := strings.ReplaceAll(strings.ReplaceAll(point, ".", "-"), "_", "-")
	f.Up("--fail-point", "nova."+point)
	s.prepare(f, name)
	s.act(f, name)
	f.Died(limit)
	f.Up()
	defer f.Kill()
	srv := f.became(name, s.status)
	if s.status == "ERROR" && (srv.Fault == nil || srv.Fault.Message == "") {
		t.Errorf("an error without a reason")
	}
	if s.status == "ACTIVE" {
		f.whole(t, name, kind)
	}
	if s.status != "" {
		f.delete(name)
		f.became(name, "")
	}
	sameAs(t, f.Host, f.before)
}

// whole checks that a server runs once, with its ports.
func (f *fleet) whole(t *testing.T, name, kind string) {
	want := 1
	if kind == "server_attach_interface" {
		want = 2
	}
	if kind == "server_attach_interface" || kind == "server_detach_interface" {
		f.Until("the server's ports are changed", limit, func() bool { return len(f.ports(name)) == want })
	}
	if n := len(f.ports(name)); n != want {
		t.Errorf("%d ports, want %d", n, want)
	}
	f.Until("one guest runs", limit, func() bool { return len(f.Processes("qemu-system")) == 1 })
}

// TestKilledDaemons kills what the cloud stands on: the libvirt daemon, which is
// started again while guests stay, and a guest's process, which comes back.
func TestKilledDaemons(t *testing.T) {
	f := newFleet(t)
	active(f, "one")
	guest := f.Processes("qemu-system")
	f.Sub("libvirt daemon", func(t *testing.T) {
		daemon := f.Processes("libvirtd")
		if len(daemon) != 1 {
			t.Fatalf("libvirt daemons: %v", daemon)
		}
		_ = syscall.Kill(daemon[0], syscall.SIGKILL)
		f.Until("another daemon runs", limit, func() bool {
			now := f.Processes("libvirtd")
			return len(now) == 1 && now[0] != daemon[0]
		})
		f.create("two", f.image)
		f.became("two", "ACTIVE")
		f.became("one", "ACTIVE")
		if now := f.Processes("qemu-system"); len(now) != 2 || !slices.Contains(now, guest[0]) {
			t.Errorf("the guest was process %v, now there are %v", guest, now)
		}
		f.act("one", map[string]any{"pause": nil}) // the new daemon has taken up the old guest
		f.became("one", "PAUSED")
		f.act("one", map[string]any{"unpause": nil})
		f.became("one", "ACTIVE")
	})
	f.Sub("guest", func(t *testing.T) {
		f.delete("two")
		f.became("two", "")
		f.Until("one guest is left", limit, func() bool { return slices.Equal(f.Processes("qemu-system"), guest) })
		_ = syscall.Kill(guest[0], syscall.SIGKILL)
		f.Until("the guest runs again", limit, func() bool {
			now := f.Processes("qemu-system")
			return len(now) == 1 && now[0] != guest[0]
		})
		f.became("one", "ACTIVE")
	})
	f.Sub("nothing is left", func(t *testing.T) {
		f.delete("one")
		f.became("one", "")
		sameAs(t, f.Host, f.before)
	})
}

// TestKilledDuringUpload kills the cloud while an image comes in: the image
// waits for its data again, and what came is not kept.
func TestKilledDuringUpload(t *testing.T) {
	h := host.New(t)
	h.Up()
	api := h.API()
	var img struct{ ID, Status string }
	api.Want(201, "POST", "9292/v2/images", map[string]any{"name": "slow", "disk_format": "raw", "container_format": "bare"}, &img)
	before := h.Settled()
	data, send := io.Pipe()
	defer send.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := api.Do("PUT", "9292/v2/images/"+img.ID+"/file", data, nil)
		sent <- err
	}()
	if _, err := send.Write(make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	h.Until("the image is being saved", limit, func() bool {
		api.Want(200, "GET", "9292/v2/images/"+img.ID, nil, &img)
		return img.Status == "saving"
	})
	partial := filepath.Join(h.Dir, "glance", "images", ".partial")
	h.Until("data is on disk", limit, func() bool { files, _ := os.ReadDir(partial); return len(files) > 0 })
	h.Kill()
	_ = send.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-sent; !errors.Is(err, host.ErrAway) {
		t.Errorf("the upload ended with %v", err)
	}
	h.Up()
	h.Until("the image is queued again", limit, func() bool {
		api.Want(200, "GET", "9292/v2/images/"+img.ID, nil, &img)
		return img.Status == "queued"
	})
	sameAs(t, h, before)
	api.Want(204, "PUT", "9292/v2/images/"+img.ID+"/file", strings.NewReader("data"), nil)
}
