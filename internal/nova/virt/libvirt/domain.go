package libvirt

import (
	"encoding/xml"
	"fmt"
)

// The types of this file are the part of libvirt's domain XML that we write and read.

type domain struct {
	XMLName    xml.Name    `xml:"domain"`
	Type       string      `xml:"type,attr"`
	ID         int         `xml:"id,attr,omitempty"`
	Name       string      `xml:"name"`
	UUID       string      `xml:"uuid"`
	Metadata   *metadata   `xml:"metadata"`
	Memory     memory      `xml:"memory"`
	Current    *memory     `xml:"currentMemory"`
	VCPU       int         `xml:"vcpu"`
	CPUTune    *cpuTune    `xml:"cputune"`
	SysInfo    *sysInfo    `xml:"sysinfo"`
	OS         osElement   `xml:"os"`
	Features   *features   `xml:"features"`
	CPU        *cpuElement `xml:"cpu"`
	Clock      *clock      `xml:"clock"`
	OnPoweroff string      `xml:"on_poweroff,omitempty"`
	OnReboot   string      `xml:"on_reboot,omitempty"`
	OnCrash    string      `xml:"on_crash,omitempty"`
	Devices    devices     `xml:"devices"`
}

type memory struct {
	Unit  string `xml:"unit,attr"`
	Value int64  `xml:",chardata"`
}

// megabytes is the size in MiB; libvirt answers in KiB.
func (m memory) megabytes() int {
	switch m.Unit {
	case "MiB":
		return int(m.Value)
	case "GiB":
		return int(m.Value << 10)
	case "b", "bytes":
		return int(m.Value >> 20)
	default:
		return int(m.Value >> 10)
	}
}

type cpuTune struct {
	Shares int `xml:"shares,omitempty"`
	Period int `xml:"period,omitempty"`
	Quota  int `xml:"quota,omitempty"`
}

type sysInfo struct {
	Type   string  `xml:"type,attr"`
	System []entry `xml:"system>entry"`
}

type entry struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

type osElement struct {
	Firmware string    `xml:"firmware,attr,omitempty"`
	Type     osType    `xml:"type"`
	Kernel   string    `xml:"kernel,omitempty"`
	Initrd   string    `xml:"initrd,omitempty"`
	Cmdline  string    `xml:"cmdline,omitempty"`
	Boot     []osBoot  `xml:"boot"`
	BootMenu *bootMenu `xml:"bootmenu"`
	SMBIOS   *smbios   `xml:"smbios"`
}

type osType struct {
	Arch    string `xml:"arch,attr,omitempty"`
	Machine string `xml:"machine,attr,omitempty"`
	Value   string `xml:",chardata"`
}

type osBoot struct {
	Dev string `xml:"dev,attr"`
}

type bootMenu struct {
	Enable string `xml:"enable,attr"`
}

type smbios struct {
	Mode string `xml:"mode,attr"`
}

type features struct {
	ACPI *struct{} `xml:"acpi"`
	APIC *struct{} `xml:"apic"`
}

type cpuElement struct {
	Mode     string       `xml:"mode,attr,omitempty"`
	Match    string       `xml:"match,attr,omitempty"`
	Model    string       `xml:"model,omitempty"`
	Topology *cpuTopology `xml:"topology"`
}

type cpuTopology struct {
	Sockets int `xml:"sockets,attr"`
	Cores   int `xml:"cores,attr"`
	Threads int `xml:"threads,attr"`
}

type clock struct {
	Offset string  `xml:"offset,attr"`
	Timers []timer `xml:"timer"`
}

type timer struct {
	Name       string `xml:"name,attr"`
	TickPolicy string `xml:"tickpolicy,attr,omitempty"`
	Present    string `xml:"present,attr,omitempty"`
}

type devices struct {
	Disks       []disk       `xml:"disk"`
	Controllers []controller `xml:"controller"`
	Interfaces  []iface      `xml:"interface"`
	Serials     []serial     `xml:"serial"`
	Consoles    []serial     `xml:"console"`
	Channels    []channel    `xml:"channel"`
	Inputs      []input      `xml:"input"`
	Graphics    []graphics   `xml:"graphics"`
	Videos      []video      `xml:"video"`
	Watchdogs   []watchdog   `xml:"watchdog"`
	RNGs        []rng        `xml:"rng"`
	Balloon     *balloon     `xml:"memballoon"`
}

type disk struct {
	XMLName  xml.Name    `xml:"disk"`
	Type     string      `xml:"type,attr"` // file, network
	Device   string      `xml:"device,attr,omitempty"`
	Driver   *diskDriver `xml:"driver"`
	Source   *diskSource `xml:"source"`
	Target   diskTarget  `xml:"target"`
	ReadOnly *struct{}   `xml:"readonly"`
	Serial   string      `xml:"serial,omitempty"`
	Alias    *alias      `xml:"alias"`
}

type diskDriver struct {
	Name    string `xml:"name,attr"`
	Type    string `xml:"type,attr"`
	Cache   string `xml:"cache,attr,omitempty"`
	Discard string `xml:"discard,attr,omitempty"`
}

type diskSource struct {
	File     string     `xml:"file,attr,omitempty"`
	Protocol string     `xml:"protocol,attr,omitempty"`
	Name     string     `xml:"name,attr,omitempty"`
	Hosts    []diskHost `xml:"host"`
}

type diskHost struct {
	Name      string `xml:"name,attr,omitempty"`
	Port      string `xml:"port,attr,omitempty"`
	Transport string `xml:"transport,attr,omitempty"`
	Socket    string `xml:"socket,attr,omitempty"`
}

type diskTarget struct {
	Dev string `xml:"dev,attr"`
	Bus string `xml:"bus,attr,omitempty"`
}

type alias struct {
	Name string `xml:"name,attr"`
}

type controller struct {
	Type  string `xml:"type,attr"`
	Index int    `xml:"index,attr"`
	Model string `xml:"model,attr,omitempty"`
}

type iface struct {
	XMLName xml.Name     `xml:"interface"`
	Type    string       `xml:"type,attr"`
	MAC     ifaceMAC     `xml:"mac"`
	Source  ifaceSource  `xml:"source"`
	Target  *ifaceTarget `xml:"target"`
	Model   ifaceModel   `xml:"model"`
	MTU     *ifaceMTU    `xml:"mtu"`
	ROM     *ifaceROM    `xml:"rom"`
	Alias   *alias       `xml:"alias"`
}

type ifaceMAC struct {
	Address string `xml:"address,attr"`
}

type ifaceSource struct {
	Bridge string `xml:"bridge,attr,omitempty"`
}

type ifaceTarget struct {
	Dev string `xml:"dev,attr"`
}

type ifaceModel struct {
	Type string `xml:"type,attr"`
}

type ifaceMTU struct {
	Size int `xml:"size,attr"`
}

type ifaceROM struct {
	Enabled string `xml:"enabled,attr"`
}

type serial struct {
	Type   string        `xml:"type,attr"`
	Source *serialSource `xml:"source"`
	Log    *serialLog    `xml:"log"`
	Target serialTarget  `xml:"target"`
}

type serialSource struct {
	Path string `xml:"path,attr,omitempty"`
}

type serialLog struct {
	File   string `xml:"file,attr"`
	Append string `xml:"append,attr"`
}

type serialTarget struct {
	Type string `xml:"type,attr,omitempty"`
	Port int    `xml:"port,attr"`
}

type channel struct {
	Type   string        `xml:"type,attr"`
	Source *channelMode  `xml:"source"`
	Target channelTarget `xml:"target"`
}

type channelMode struct {
	Mode string `xml:"mode,attr"`
}

type channelTarget struct {
	Type string `xml:"type,attr"`
	Name string `xml:"name,attr"`
}

type input struct {
	Type string `xml:"type,attr"`
	Bus  string `xml:"bus,attr"`
}

type graphics struct {
	Type   string           `xml:"type,attr"`
	Port   int              `xml:"port,attr,omitempty"`
	Auto   string           `xml:"autoport,attr,omitempty"`
	Socket string           `xml:"socket,attr,omitempty"`
	Listen []graphicsListen `xml:"listen"`
}

type graphicsListen struct {
	Type    string `xml:"type,attr"`
	Address string `xml:"address,attr,omitempty"`
	Socket  string `xml:"socket,attr,omitempty"`
}

type video struct {
	Model videoModel `xml:"model"`
}

type videoModel struct {
	Type string `xml:"type,attr"`
}

type watchdog struct {
	Model  string `xml:"model,attr"`
	Action string `xml:"action,attr"`
}

type rng struct {
	Model   string     `xml:"model,attr"`
	Backend rngBackend `xml:"backend"`
}

type rngBackend struct {
	Model string `xml:"model,attr"`
	Path  string `xml:",chardata"`
}

type balloon struct {
	Model string        `xml:"model,attr"`
	Stats *balloonStats `xml:"stats"`
}

type balloonStats struct {
	Period int `xml:"period,attr"`
}

// metadata is Nova's element; libvirt keeps it and gives it back.
type metadata struct {
	Instance *instance `xml:"http://openstack.org/xmlns/libvirt/nova/1.1 instance"`
}

type instance struct {
	Name         string         `xml:"name"`
	CreationTime string         `xml:"creationTime,omitempty"`
	Flavor       instanceFlavor `xml:"flavor"`
	Owner        instanceOwner  `xml:"owner"`
	Root         *instanceRoot  `xml:"root"`
	Ports        []instancePort `xml:"ports>port"`
}

type instanceFlavor struct {
	Name      string `xml:"name,attr"`
	Memory    int    `xml:"memory"`
	Disk      int    `xml:"disk"`
	Swap      int    `xml:"swap"`
	Ephemeral int    `xml:"ephemeral"`
	VCPUs     int    `xml:"vcpus"`
}

type instanceOwner struct {
	User    ownerName `xml:"user"`
	Project ownerName `xml:"project"`
}

type ownerName struct {
	UUID string `xml:"uuid,attr"`
	Name string `xml:",chardata"`
}

type instanceRoot struct {
	Type string `xml:"type,attr"`
	UUID string `xml:"uuid,attr"`
}

type instancePort struct {
	UUID string `xml:"uuid,attr"`
}

// marshal writes an element.
func marshal(v any) (string, error) {
	b, err := xml.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write XML: %w", err)
	}
	return string(b), nil
}

// parseDomain reads a domain's definition.
func parseDomain(text string) (*domain, error) {
	d := &domain{}
	if err := xml.Unmarshal([]byte(text), d); err != nil {
		return nil, fmt.Errorf("read XML of a domain: %w", err)
	}
	return d, nil
}
