package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// checkCounts refuses what only one server can have when more are asked for.
func checkCounts(req *nova.ServerRequest) error {
	if req.MaxCount < 2 {
		return nil
	}
	if req.Hostname != "" {
		return fault.BadRequest("Unable to allocate a single hostname to multiple instances")
	}
	for _, n := range req.Networks.Networks {
		switch {
		case n.FixedIP != "":
			return fault.BadRequest("Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.")
		case n.PortID != "":
			return fault.BadRequest("Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.")
		}
	}
	return nil
}

// checkPlace makes sure that the zone and the hosts that are wished for exist,
// and returns the zone to show.
func (s *Service) checkPlace(ctx context.Context, w *nova.Wishes) (zone string, err error) {
	if w.Host == "" && w.Node == "" && w.Zone == "" {
		return "", nil
	}
	hosts, zones, err := s.places(ctx)
	if err != nil {
		return "", err
	}
	if w.ForceHost {
		return w.Zone, nil // an unknown host is told by the fault of the server
	}
	if w.Zone != "" && !slices.Contains(zones, w.Zone) {
		return "", fault.BadRequest("The requested availability zone is not available")
	}
	known := func(h store.HostState) bool {
		return (w.Host == "" || h.Node.Host == w.Host) && (w.Node == "" || h.Node.Hostname == w.Node)
	}
	if (w.Host != "" || w.Node != "") && !slices.ContainsFunc(hosts, known) {
		name := w.Host
		if name == "" {
			name = w.Node
		}
		return "", fault.BadRequest("Compute host %s could not be found.", name)
	}
	return w.Zone, nil
}

// places lists the hosts and the zones that have one.
func (s *Service) places(ctx context.Context) ([]store.HostState, []string, error) {
	hosts, err := s.store.HostStates(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list hosts: %w", err)
	}
	aggregates, err := s.store.Aggregates(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list aggregates: %w", err)
	}
	var zones []string
	for _, h := range hosts {
		if z := s.zoneOf(h.Node.Host, aggregates); !h.Service.Disabled && !slices.Contains(zones, z) {
			zones = append(zones, z)
		}
	}
	return hosts, zones, nil
}

// bootImage is the image that the server starts from.
func (s *Service) bootImage(ctx context.Context, req *nova.ServerRequest) (nova.Image, error) {
	if err := checkDevices(req); err != nil {
		return nova.Image{}, err
	}
	img, err := s.images.Image(ctx, req.ImageID)
	if fault.Is(err, 404) {
		return img, fault.BadRequest("Can not find requested image")
	} else if err != nil {
		return img, fmt.Errorf("image %s: %w", req.ImageID, err)
	}
	if img.Properties["cinder_encryption_key_id"] != "" {
		return img, fault.BadRequest("Image %s is unacceptable: Direct booting of an image uploaded from an encrypted volume is unsupported.", img.ID)
	}
	return img, nil
}

// checkDevices refuses block devices that need a block storage service, and
// local ones that the flavor does not say already.
func checkDevices(req *nova.ServerRequest) error {
	for _, d := range req.BlockDevices {
		switch {
		case d.NoDevice:
		case d.Source == "volume":
			return fault.BadRequest("Volume %s could not be found.", d.UUID)
		case d.Source == "snapshot":
			return fault.BadRequest("Block Device Mapping is Invalid: failed to get snapshot %s.", d.UUID)
		case !d.Local():
			return fault.BadRequest("Block Device Mapping is Invalid: this cloud has no block storage service to make a volume.")
		case d.Source == "image" && (req.ImageID == "" || d.BootIndex == nil || *d.BootIndex != 0):
			return fault.BadRequest("Block Device Mapping is Invalid: Mapping image to local is not supported.")
		case d.Source == "image" && d.UUID != req.ImageID:
			return fault.BadRequest("Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
		case d.Source == "blank":
			return fault.BadRequest("Block Device Mapping is Invalid: local disks beside those of the flavor are not supported.")
		}
	}
	if req.ImageID == "" {
		return fault.BadRequest("Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
	}
	return nil
}

// bootKernel finds the kernel and ramdisk that an image names.
func (s *Service) bootKernel(ctx context.Context, img nova.Image) (kernel, ramdisk *nova.Image, err error) {
	kernelID, ramdiskID := img.Properties["kernel_id"], img.Properties["ramdisk_id"]
	if kernelID == "" || kernelID == "nokernel" {
		return nil, nil, nil
	}
	for id, into := range map[string]**nova.Image{kernelID: &kernel, ramdiskID: &ramdisk} {
		if id == "" {
			continue
		}
		found, err := s.images.Image(ctx, id)
		if fault.Is(err, 404) {
			return nil, nil, fault.BadRequest("Can not find requested image")
		} else if err != nil {
			return nil, nil, fmt.Errorf("image %s: %w", id, err)
		}
		*into = &found
	}
	return kernel, ramdisk, nil
}

// checkItems holds metadata and injected files against the limits.
func checkItems(req *nova.ServerRequest, limits nova.Limits) error {
	if !limits.Allows(nova.QuotaMetadataItems, 0, len(req.Metadata)) {
		return fault.Forbidden("Maximum number of metadata items exceeds %d", limits[nova.QuotaMetadataItems])
	}
	if !limits.Allows(nova.QuotaInjectedFiles, 0, len(req.Files)) {
		return fault.Forbidden("Personality file limit exceeded")
	}
	for _, f := range req.Files {
		switch {
		case !limits.Allows(nova.QuotaInjectedFilePathBytes, 0, len(f.Path)):
			return fault.Forbidden("Personality file path exceeds maximum %d", limits[nova.QuotaInjectedFilePathBytes])
		case !limits.Allows(nova.QuotaInjectedFileContentBytes, 0, len(f.Contents)):
			return fault.Forbidden("Personality file content exceeds maximum %d", limits[nova.QuotaInjectedFileContentBytes])
		}
	}
	return nil
}

// checkFlavorImage refuses an image that does not fit into the flavor.
func checkFlavorImage(f nova.Flavor, img nova.Image, req *nova.ServerRequest) error {
	const gib = 1 << 30
	if img.Status != "active" {
		return fault.BadRequest("Image %s is not active.", img.ID)
	}
	if drive := img.Properties["img_config_drive"]; drive != "" && drive != "optional" && drive != "mandatory" {
		return fault.BadRequest("Image's config drive option '%s' is invalid.", drive)
	}
	if auto := img.Properties["auto_disk_config"]; strings.EqualFold(auto, "disabled") && req.DiskConfig == "AUTO" {
		return fault.BadRequest("Requested image %s has automatic disk resize disabled.", img.ID)
	}
	disk := int64(f.RootGB) * gib
	switch {
	case f.MemoryMB < img.MinMemoryMB:
		return fault.BadRequest("Flavor's memory is too small for requested image.")
	case disk == 0 && !req.ZeroDisk:
		return fault.Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")
	case disk == 0:
		return nil
	case img.SizeBytes > disk:
		return fault.BadRequest("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes.", disk, img.SizeBytes)
	case int64(img.MinDiskGB)*gib > disk:
		return fault.BadRequest("Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %d bytes, minimum size is %d bytes.",
			disk, int64(img.MinDiskGB)*gib)
	}
	return nil
}

// allowedServers counts the project's servers under its lock and says how many
// more it may have: at most maxCount, or a fault if fewer than minCount.
func (s *Service) allowedServers(ctx context.Context, tx *store.Tx, f nova.Flavor, minCount, maxCount int) (int, error) {
	caller := auth.Caller(ctx)
	if err := tx.LockQuota(ctx, caller.ProjectID); err != nil {
		return 0, fmt.Errorf("lock quota: %w", err)
	}
	count := maxCount
	for _, user := range []string{"", caller.UserID} {
		limits, err := tx.Limits(ctx, caller.ProjectID, user)
		if err != nil {
			return 0, fmt.Errorf("limits of %s: %w", caller.ProjectID, err)
		}
		if user != "" {
			limits, err = onlyOfUser(ctx, tx, caller, limits)
			if err != nil || limits == nil {
				return count, err
			}
		}
		if unlimited(limits, f) {
			continue
		}
		used, err := tx.Usage(ctx, caller.ProjectID, user)
		if err != nil {
			return 0, fmt.Errorf("usage of %s: %w", caller.ProjectID, err)
		}
		fits := fitting(limits, used, f, count)
		if fits < minCount || fits <= 0 {
			return 0, overQuota(limits, used, f, minCount, maxCount)
		}
		count = fits
	}
	return count, nil
}

// onlyOfUser is limits when some were set for that user, else nil.
func onlyOfUser(ctx context.Context, tx *store.Tx, caller auth.Identity, limits nova.Limits) (nova.Limits, error) {
	set, err := tx.UserLimits(ctx, caller.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("user limits of %s: %w", caller.ProjectID, err)
	}
	if slices.ContainsFunc(set, func(q nova.Quota) bool { return q.UserID == caller.UserID }) {
		return limits, nil
	}
	return nil, nil
}

// unlimited reports whether nothing that a server uses is limited, so that nothing need be counted.
func unlimited(limits nova.Limits, f nova.Flavor) bool {
	for resource := range demand(f) {
		if limits[resource] != nova.Unlimited {
			return false
		}
	}
	return true
}

// demand is what one server uses of each limited resource.
func demand(f nova.Flavor) map[string]int {
	return map[string]int{nova.QuotaInstances: 1, nova.QuotaCores: f.VCPUs, nova.QuotaRAM: f.MemoryMB}
}

func usageOf(u nova.Usage) map[string]int {
	return map[string]int{nova.QuotaInstances: u.Instances, nova.QuotaCores: u.Cores, nova.QuotaRAM: u.RAM}
}

// fitting is how many of count servers the limits leave room for.
func fitting(limits nova.Limits, used nova.Usage, f nova.Flavor, count int) int {
	has := usageOf(used)
	for resource, each := range demand(f) {
		for count > 0 && !limits.Allows(resource, has[resource], count*each) {
			count = min(count-1, max(0, (limits[resource]-has[resource])/max(each, 1)))
		}
	}
	return count
}

// overQuota words which limits count servers would exceed.
func overQuota(limits nova.Limits, used nova.Usage, f nova.Flavor, minCount, maxCount int) error {
	has, each := usageOf(used), demand(f)
	var over, asked, had, allowed []string
	for _, resource := range []string{nova.QuotaCores, nova.QuotaInstances, nova.QuotaRAM} {
		if limits.Allows(resource, has[resource], maxCount*each[resource]) {
			continue
		}
		over = append(over, resource)
		had, allowed = append(had, fmt.Sprint(has[resource])), append(allowed, fmt.Sprint(limits[resource]))
		if resource == nova.QuotaInstances && minCount != maxCount {
			asked = append(asked, fmt.Sprintf("%d-%d", minCount, maxCount))
		} else {
			asked = append(asked, fmt.Sprint(maxCount*each[resource]))
		}
	}
	join := func(words []string) string { return strings.Join(words, ", ") }
	return fault.Forbidden("Quota exceeded for %s: Requested %s, but already used %s of %s %s",
		join(over), join(asked), join(had), join(allowed), join(over))
}

// notFound turns a missing row into the API's 404 for a server.
func notFound(err error, id string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Instance %s could not be found.", id)
	}
	return err
}
