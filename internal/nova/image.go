package nova

// Image is an image of Glance as far as building a server needs it. Its bytes
// are fetched by ID, with nova-compute's own credentials.
type Image struct {
	ID              string            `json:"id"`
	Name            string            `json:"name,omitempty"`
	Status          string            `json:"status,omitempty"` // only active ones boot
	DiskFormat      string            `json:"disk_format"`
	ContainerFormat string            `json:"container_format"`
	SizeBytes       int64             `json:"size_bytes"`
	VirtualBytes    int64             `json:"virtual_bytes,omitempty"` // 0: unknown
	MinDiskGB       int               `json:"min_disk_gb"`
	MinMemoryMB     int               `json:"min_memory_mb"`
	Checksum        string            `json:"checksum,omitempty"`  // MD5, lower-case hex
	HashAlgo        string            `json:"hash_algo,omitempty"` // "sha512"
	HashValue       string            `json:"hash_value,omitempty"`
	Properties      map[string]string `json:"properties,omitempty"` // hw_*, os_*, img_*, kernel_id …
}
