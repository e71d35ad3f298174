package service

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow/flowtest"
)

const otherImage = "f0b9a3a5-0d8e-4f6b-9a0e-3d1c0c4e7a11"

// withOtherImage lets a rig's servers be rebuilt from another image.
func (r *rig) withOtherImage() {
	img := r.images[novatest.ImageID]
	img.ID, img.Properties = otherImage, map[string]string{"os_distro": "minios"}
	r.images[otherImage] = img
}

func TestRebuild(t *testing.T) {
	r, host, srv := active(t, novatest.WaitForPorts)
	r.withOtherImage()
	name := "anew"
	req := ServerRebuild{ImageID: otherImage, Change: ServerChange{Name: &name}, Metadata: map[string]string{"k": "v"}}
	asked, err := r.RebuildServer(r.ctx, srv, &req)
	r.must(err)
	if asked.Status() != "REBUILD" || req.AdminPass == "" {
		t.Errorf("asked: %s, password %q", asked.Status(), req.AdminPass)
	}
	now := r.settled(srv.ID)
	g, err := host.Guest(r.ctx, srv.ID)
	if err != nil || g.Power != virt.Running || now.Status() != "ACTIVE" || now.ImageID != otherImage || now.Name != "anew" ||
		now.ImageMeta["os_distro"] != "minios" || now.Metadata["k"] != "v" || now.Host != srv.Host || len(now.NetworkInfo) != 1 {
		t.Errorf("%s %+v, guest %v %v", now.Status(), now, g.Power, err)
	}
	if actions, events := r.actions(srv.ID); actions[0].Action != "rebuild" || *events[0].Result != "Success" {
		t.Errorf("actions %+v, events %+v", actions, events)
	}

	r.must(r.StopServer(r.ctx, now))
	_, err = r.RebuildServer(r.ctx, r.settled(srv.ID), &ServerRebuild{ImageID: novatest.ImageID})
	r.must(err)
	now = r.settled(srv.ID)
	if g, err = host.Guest(r.ctx, srv.ID); err != nil || g.Power != virt.Shutdown || now.Status() != "SHUTOFF" || now.Name != "anew" {
		t.Errorf("stopped: %s, guest %v %v, fault %v", now.Status(), g.Power, err, now.Fault)
	}
}

func TestRebuildIsRefused(t *testing.T) {
	r, _, srv := active(t)
	r.withOtherImage()
	big := r.images[otherImage]
	big.ID, big.MinMemoryMB = "b", 1<<20
	r.images["b"] = big
	for want, tc := range map[string]struct {
		status int
		req    ServerRebuild
	}{
		"Cannot find image for rebuild":                     {400, ServerRebuild{ImageID: "none"}},
		"Flavor's memory is too small for requested image.": {400, ServerRebuild{ImageID: "b"}},
		"Invalid key_name provided.":                        {400, ServerRebuild{ImageID: otherImage, SetKey: true, KeyName: "none"}},
		"User data needs to be valid base 64.":              {400, ServerRebuild{ImageID: otherImage, SetUserData: true, UserData: "a"}},
		"Maximum number of metadata items exceeds 128":      {403, ServerRebuild{ImageID: otherImage, Metadata: manyItems(129)}},
	} {
		if _, err := r.RebuildServer(r.ctx, srv, &tc.req); !fault.Is(err, tc.status) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	r.must(r.PauseServer(r.ctx, srv))
	paused := r.settled(srv.ID)
	_, err := r.RebuildServer(r.ctx, paused, &ServerRebuild{ImageID: otherImage})
	if want := "Cannot 'rebuild' instance " + srv.ID + " while it is in vm_state paused"; !fault.Is(err, 409) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if now := r.server(srv.ID); now.ImageID != novatest.ImageID {
		t.Error("a refused rebuild changed the image")
	}
}

func manyItems(n int) map[string]string {
	items := map[string]string{}
	for i := range n {
		items[string(rune('a'+i%26))+string(rune('a'+i/26))] = "v"
	}
	return items
}

func TestFailedRebuild(t *testing.T) {
	var fail atomic.Bool
	r, _, srv := active(t, novatest.Failing(func(method, _ string) error {
		if fail.Load() && method == "Spawn" {
			return errors.New("no")
		}
		return nil
	}))
	fail.Store(true)
	_, err := r.RebuildServer(r.ctx, srv, &ServerRebuild{ImageID: novatest.ImageID})
	r.must(err)
	now := r.settled(srv.ID)
	if now.Status() != "ERROR" || now.TaskState != "" || now.Fault == nil || now.Host != srv.Host {
		t.Fatalf("%s %q: %v", now.Status(), now.TaskState, now.Fault)
	}
	fail.Store(false)
	_, err = r.RebuildServer(r.ctx, now, &ServerRebuild{ImageID: novatest.ImageID})
	r.must(err)
	if now = r.settled(srv.ID); now.Status() != "ACTIVE" || now.Fault != nil {
		t.Errorf("%s: %v", now.Status(), now.Fault)
	}
	_, err = r.RebuildServer(r.ctx, now, &ServerRebuild{ImageID: novatest.ImageID, PreserveEphemeral: true})
	r.must(err)
	if now = r.settled(srv.ID); now.Status() != "ERROR" {
		t.Errorf("%s after ephemeral disks could not be kept", now.Status())
	}
}

func TestRebuildFlow(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[serverRebuild] {
		r := newRig(t)
		host, _ := novatest.Host(t, r.bus, "fake1")
		launched := r.clock.Now()
		srv := nova.Server{ID: "00000000-0000-0000-0000-000000000001", VMState: nova.Active, TaskState: nova.Rebuilding, Host: "fake1",
			LaunchedAt: &launched, CreatedAt: launched, ImageID: novatest.ImageID, Flavor: novatest.Flavors()[0]}
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &srv) }))
		r.must(host.Spawn(r.ctx, virt.Guest{ID: srv.ID, Name: "g", VCPUs: 1, MemoryMB: 64, Image: virt.Image{ID: "i"}}))
		r.eventually("nova-compute serves", func() bool {
			_, err := rpcapi.ReportNow.Call(r.ctx, r.bus, rpcapi.ComputeTopic("fake1"), rpcapi.Done{})
			return err == nil
		})
		return flowtest.World[serverRebuild]{DB: r.store.DB(), Flow: r.rebuildFlow(),
			State: serverRebuild{ServerID: srv.ID, Image: r.images[novatest.ImageID]},
			Done: func(t *testing.T) {
				if now := r.server(srv.ID); now.Status() != "ACTIVE" || now.TaskState != "" {
					t.Errorf("%s %q", now.Status(), now.TaskState)
				}
			},
			Undone: func(t *testing.T) {
				now := r.server(srv.ID)
				settled := now.Status() == "ACTIVE" && now.LaunchedAt.After(launched) // it had come to its end
				if now.TaskState != "" || now.Status() != "ERROR" && !settled {
					t.Errorf("%s %q", now.Status(), now.TaskState)
				}
			}}
	})
}
