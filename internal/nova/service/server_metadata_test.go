package service

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

func TestServerMetadata(t *testing.T) {
	r, srv, _ := built(t)
	for _, tc := range []struct {
		items   map[string]string
		replace bool
		want    map[string]string
	}{
		{map[string]string{"a": "1", "b": "2"}, false, map[string]string{"a": "1", "b": "2"}},
		{map[string]string{"b": "3", "B": "4"}, false, map[string]string{"a": "1", "b": "3", "B": "4"}},
		{map[string]string{"c": ""}, true, map[string]string{"c": ""}},
		{map[string]string{}, true, map[string]string{}},
	} {
		got, err := r.SetServerMetadata(r.ctx, srv, tc.items, tc.replace)
		if d := cmp.Diff(tc.want, got) + cmp.Diff(tc.want, r.server(srv.ID).Metadata); err != nil || d != "" {
			t.Errorf("%v: %v %s", tc.items, err, d)
		}
	}
	many := map[string]string{}
	for i := range 129 {
		many[strings.Repeat("x", i+1)] = ""
	}
	if _, err := r.SetServerMetadata(r.ctx, srv, many, false); err == nil || err.Error() != "Maximum number of metadata items exceeds 128" {
		t.Error(err)
	}
	srv.VMState = nova.Errored
	if _, err := r.SetServerMetadata(r.ctx, srv, many, false); err == nil || err.Error() != "Cannot 'update metadata' instance "+srv.ID+" while it is in vm_state error" {
		t.Error(err)
	}
	if err := r.DeleteServerMetadata(r.ctx, srv, "nosuch"); !fault.Is(err, 404) {
		t.Error(err)
	}
}

func TestServerTags(t *testing.T) {
	r, srv, _ := built(t)
	for i := range 50 {
		if added, err := r.AddServerTag(r.ctx, srv, strings.Repeat("t", i+1)); err != nil || !added {
			t.Fatal(i, added, err)
		}
	}
	if _, err := r.AddServerTag(r.ctx, srv, "one more"); err == nil || err.Error() != "The number of tags exceeded the per-server limit 50" {
		t.Error(err)
	}
	if got, err := r.ReplaceServerTags(r.ctx, srv, []string{"b", "a", "b"}); err != nil || cmp.Diff([]string{"a", "b"}, got) != "" {
		t.Error(got, err)
	}
	if added, err := r.AddServerTag(r.ctx, srv, "a"); added || err != nil {
		t.Error(added, err)
	}
	r.must(r.DeleteServerTag(r.ctx, srv, "a"))
	if err := r.DeleteServerTag(r.ctx, srv, "a"); err == nil || err.Error() != "Instance "+srv.ID+" has no tag 'a'" {
		t.Error(err)
	}
	r.must(r.DeleteServerTags(r.ctx, srv))
	if tags := r.server(srv.ID).Tags; len(tags) != 0 {
		t.Error(tags)
	}
}

func TestMetadataInstance(t *testing.T) {
	r, srv, _ := built(t)
	i, err := r.MetadataInstance(r.ctx, srv.ID)
	if err != nil || i.Hostname != "vm.novalocal" || i.EC2.LocalIPv4 != srv.NetworkInfo[0].FixedIPs[0].Address || len(i.Interfaces) != 1 || i.Flavor != srv.Flavor.Name {
		t.Errorf("%+v %v", i, err)
	}
	if names, err := r.SecurityGroupNames(r.ctx, srv.ID); err != nil || cmp.Diff([]string{"default"}, names) != "" {
		t.Error(names, err)
	}
	r.must(r.SetServerPassword(r.ctx, srv.ID, "secret"))
	if i, _ := r.MetadataInstance(r.ctx, srv.ID); i.Password != "secret" {
		t.Error(i.Password)
	}
	r.must(r.ClearServerPassword(r.ctx, srv))
	if got, _ := r.ServerPassword(r.ctx, srv); got != "" {
		t.Error(got)
	}
	if _, err := r.MetadataInstance(r.ctx, "nosuch"); !fault.Is(err, 404) {
		t.Error(err)
	}
}
