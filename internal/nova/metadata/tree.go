package metadata

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// EC2Versions are the dates of the EC2 tree, oldest first.
var EC2Versions = []string{"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04"}

// Versions are the dates of the OpenStack tree, oldest first.
var Versions = []string{folsom, grizzly, havana, liberty, newton1, newton2, ocata, rocky, victoria}

const (
	folsom   = "2012-08-10"
	grizzly  = "2013-04-04"
	havana   = "2013-10-17"
	liberty  = "2015-10-15"
	newton1  = "2016-06-30"
	newton2  = "2016-10-06"
	ocata    = "2017-02-22"
	rocky    = "2018-08-27"
	victoria = "2020-10-14"

	latest = "latest"
)

const (
	metaDataFile    = "meta_data.json"
	userDataFile    = "user_data"
	passwordFile    = "password"
	vendorDataFile  = "vendor_data.json"
	vendorData2File = "vendor_data2.json"
	networkDataFile = "network_data.json"
)

// Tree is what a config drive holds: path to content, "openstack/latest/meta_data.json".
func Tree(i Instance) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, version := range []string{EC2Versions[len(EC2Versions)-1], latest} {
		if err := addEC2(files, i, version); err != nil {
			return nil, err
		}
	}
	for _, version := range append(slices.Clone(Versions), latest) {
		for _, name := range names(i, version) {
			if name == passwordFile {
				continue
			}
			content, err := item(i, version, name)
			if err != nil {
				return nil, err
			}
			files["openstack/"+version+"/"+name] = content
		}
	}
	return files, nil
}

func addEC2(files map[string][]byte, i Instance, version string) error {
	data, err := encode(ec2Metadata(i, version))
	if err != nil {
		return err
	}
	files["ec2/"+version+"/meta-data.json"] = data
	if i.UserData != nil {
		files["ec2/"+version+"/user-data"] = i.UserData
	}
	return nil
}

// names lists the files of one version of the OpenStack tree.
func names(i Instance, version string) []string {
	out := []string{metaDataFile}
	if i.UserData != nil {
		out = append(out, userDataFile)
	}
	for _, f := range []struct{ since, name string }{
		{grizzly, passwordFile}, {havana, vendorDataFile}, {liberty, networkDataFile}, {newton2, vendorData2File},
	} {
		if has(f.since, version) {
			out = append(out, f.name)
		}
	}
	return out
}

// has reports whether a version is since or newer; latest sorts after all dates.
func has(since, version string) bool { return version >= since }

// item is the content of one file of names.
func item(i Instance, version, name string) ([]byte, error) {
	switch name {
	case metaDataFile:
		return encode(metaDataOf(i, version))
	case userDataFile:
		return i.UserData, nil
	case vendorDataFile:
		return encode(vendorData(i))
	case vendorData2File:
		return encode(map[string]json.RawMessage{"static": vendorData(i)})
	case networkDataFile:
		return encode(networkDataOf(i.Interfaces))
	default:
		return []byte(i.Password), nil
	}
}

func vendorData(i Instance) json.RawMessage {
	if i.VendorData == nil {
		return json.RawMessage("{}")
	}
	return i.VendorData
}

// metaData is meta_data.json; what is nil belongs to a newer version.
type metaData struct {
	UUID             string            `json:"uuid"`
	Meta             map[string]string `json:"meta,omitempty"`
	AdminPass        string            `json:"admin_pass,omitempty"`
	PublicKeys       map[string]string `json:"public_keys,omitempty"`
	Keys             []Key             `json:"keys,omitempty"`
	Hostname         string            `json:"hostname"`
	Name             string            `json:"name"`
	LaunchIndex      int               `json:"launch_index"`
	AvailabilityZone string            `json:"availability_zone"`
	RandomSeed       string            `json:"random_seed,omitempty"`
	ProjectID        string            `json:"project_id,omitempty"`
	Devices          []Device          `json:"devices,omitzero"`
	DedicatedCPUs    []int             `json:"dedicated_cpus,omitzero"`
}

func metaDataOf(i Instance, version string) metaData {
	m := metaData{UUID: i.ID, Meta: i.Metadata, AdminPass: i.AdminPass, Keys: i.Keys, Hostname: i.Hostname,
		Name: i.Name, LaunchIndex: i.LaunchIndex, AvailabilityZone: i.AvailabilityZone}
	for _, k := range i.Keys {
		if m.PublicKeys == nil {
			m.PublicKeys = map[string]string{}
		}
		m.PublicKeys[k.Name] = k.Data
	}
	if has(grizzly, version) {
		m.RandomSeed = base64.StdEncoding.EncodeToString(i.RandomSeed)
	}
	if has(liberty, version) {
		m.ProjectID = i.ProjectID
	}
	if has(newton1, version) {
		m.Devices = devices(i, version)
	}
	if has(victoria, version) {
		m.DedicatedCPUs = append([]int{}, i.DedicatedCPUs...)
	}
	return m
}

// devices leaves out what an older version did not tell.
func devices(i Instance, version string) []Device {
	out := append([]Device{}, i.Devices...)
	for n := range out {
		if !has(ocata, version) {
			out[n].VLAN = 0
		}
	}
	return out
}

// encode is JSON with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
