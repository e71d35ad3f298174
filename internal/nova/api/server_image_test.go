package api_test

import (
	"fmt"
	"testing"

	"nacre/internal/cloudtest"
)

// TestImageLimits shows that what an image needs is held against the flavor.
func TestImageLimits(t *testing.T) {
	e := newEstate(t)
	for need, want := range map[string]string{
		"min_ram":  "Flavor's memory is too small for requested image.",
		"min_disk": "Flavor's disk is smaller than the minimum size specified in image metadata.",
	} {
		var img struct{ ID string }
		e.As(cloudtest.Admin).Image().Post("/images", map[string]any{"name": need, "disk_format": "raw", "container_format": "bare",
			"visibility": "public", need: 65}).Want(201).Into(&img)
		e.upload(img.ID)
		e.As(cloudtest.Member).Compute("2.93").Post("/servers", fmt.Sprintf(`{"server": {"name": "vm", "flavorRef": "t", "imageRef": %q, "networks": "none"}}`, img.ID)).
			Want(400, want)
	}
}
