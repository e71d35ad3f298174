package agent

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"nacre/internal/nova/metadata"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/oslo/fault"
)

// configDrive is the tree of files on a guest's config drive.
func (a *Agent) configDrive(q rpcapi.SpawnRequest) (map[string][]byte, error) {
	in, err := a.instance(q)
	if err != nil {
		return nil, err
	}
	tree, err := metadata.Tree(in)
	if err != nil {
		return nil, fmt.Errorf("config drive of %s: %w", q.ServerID, err)
	}
	return tree, inject(tree, q.Instance.Files)
}

// instance is what the guest may know of itself.
func (a *Agent) instance(q rpcapi.SpawnRequest) (metadata.Instance, error) {
	i := q.Instance
	in := metadata.Instance{ID: q.ServerID, ProjectID: i.ProjectID, Name: i.DisplayName, Hostname: a.hostname(i.Hostname),
		AvailabilityZone: i.Zone, Flavor: q.Flavor.Name, ReservationID: i.ReservationID, LaunchIndex: i.LaunchIndex,
		Metadata: i.Metadata, AdminPass: i.AdminPass, RandomSeed: make([]byte, 512),
		EC2: metadata.EC2{InstanceID: "i-" + strings.TrimPrefix(q.Name, "instance-"),
			Devices: map[string]string{"ami": "vda", "root": hardware(q.Image.Properties, nil).RootDevice()}}}
	_, _ = rand.Read(in.RandomSeed) // never fails
	if i.KeyName != "" {
		in.Keys = []metadata.Key{{Name: i.KeyName, Type: i.KeyType, Data: i.PublicKey}}
	}
	var err error
	if i.UserData != "" {
		if in.UserData, err = base64.StdEncoding.DecodeString(i.UserData); err != nil {
			return in, fault.BadRequest("User data needs to be valid base 64.").Cause(err)
		}
	}
	in.Interfaces, in.Devices = metadata.InterfacesOf(q.VIFs), metadata.DevicesOf(q.VIFs)
	in.EC2.LocalIPv4, in.EC2.PublicIPv4 = metadata.FirstAddresses(q.VIFs)
	return in, nil
}

func (a *Agent) hostname(short string) string {
	if a.Config.DHCPDomain == "-" {
		return short
	}
	return short + "." + a.Config.DHCPDomain
}

// inject adds files that the tenant wants in the guest: their contents, and a list of them in every meta_data.json.
func inject(tree map[string][]byte, files []rpcapi.File) error {
	if len(files) == 0 {
		return nil
	}
	type listed struct {
		ContentPath string `json:"content_path"`
		Path        string `json:"path"`
	}
	var list []listed
	for n, f := range files {
		at := fmt.Sprintf("/content/%04d", n)
		list = append(list, listed{at, f.Path})
		tree["openstack"+at] = f.Contents
	}
	for name, content := range tree {
		if ok, _ := path.Match("openstack/*/meta_data.json", name); !ok {
			continue
		}
		var doc map[string]any
		if err := json.Unmarshal(content, &doc); err != nil {
			return fmt.Errorf("config drive: %s: %w", name, err)
		}
		doc["files"] = list
		out, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("config drive: %s: %w", name, err)
		}
		tree[name] = out
	}
	return nil
}
