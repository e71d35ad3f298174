package nova

// ServerRequest is what POST /servers asks for, checked as far as the body
// alone allows.
type ServerRequest struct {
	Name        string
	Description *string
	Hostname    string // "": made from the name
	FlavorID    string
	ImageID     string // "" only beside BlockDevices

	MinCount, MaxCount int

	KeyName     string
	UserData    string // base64
	ConfigDrive bool
	DiskConfig  string // AUTO, MANUAL or ""
	AccessIPv4  string
	AccessIPv6  string
	AdminPass   string // "": one is made
	Metadata    map[string]string
	Tags        []string
	Files       []InjectedFile

	Wishes       Wishes
	Networks     NetworkWish
	NoNetworks   bool // "none"
	BlockDevices []BlockDevice
	TrustedCerts []string

	ZeroDisk bool // the caller may boot an image with a flavor without a disk
}

// InjectedFile is a file put into the guest's file system before it boots.
type InjectedFile struct {
	Path     string
	Contents []byte
}

// BlockDevice is one entry of block_device_mapping_v2, or of the older form in its words.
type BlockDevice struct {
	Source      string // blank, image, snapshot, volume
	Destination string // local, volume
	UUID        string
	BootIndex   *int
	SizeGB      int
	GuestFormat string // swap: a swap disk
	NoDevice    bool
}

// Local reports whether the device needs no block storage.
func (b BlockDevice) Local() bool { return b.NoDevice || b.Destination == "local" }
