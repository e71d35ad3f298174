package glance

// The resources that Keystone keeps limits of.
const (
	ImageSizeTotal      = "image_size_total"      // MiB of the images' bytes
	ImageStageTotal     = "image_stage_total"     // MiB on their way through the staging area
	ImageCountTotal     = "image_count_total"     // images
	ImageCountUploading = "image_count_uploading" // images that get bytes
)

// Usage is what a project has of each resource.
type Usage struct {
	Bytes     int64 `bun:"-"`
	Staged    int64 `bun:"staged"` // bytes
	Images    int64 `bun:"images"`
	Uploading int64 `bun:"uploading"`
}

// MiB is a mebibyte, the unit of limits.
const MiB = 1 << 20

// Of is the usage of a resource in its unit.
func (u Usage) Of(resource string) int64 {
	switch resource {
	case ImageSizeTotal:
		return u.Bytes / MiB
	case ImageStageTotal:
		return u.Staged / MiB
	case ImageCountTotal:
		return u.Images
	case ImageCountUploading:
		return u.Uploading
	}
	return 0
}

// Bound is how much projects may have together.
type Bound struct {
	Of       string           // the project, or the domain, that has the limits
	Projects []string         // whose usage counts
	Limits   map[string]int64 // by resource; what is not registered is absent
}

// UsageCheck refuses what the projects of a bound may not have more of.
type UsageCheck struct {
	Bound
	Check func(Usage) error // of what they have, in the transaction that adds to it
}
