package cloud

import (
	"errors"
	"time"

	"nacre/internal/nova/imagecache"
	"nacre/internal/nova/virt/libvirt"
)

// NovaOptions are the compute service's, under the original's names.
type NovaOptions struct {
	ImageCache ImageCacheOptions `yaml:"image_cache"`
}

// ImageCacheOptions are about the images that a host's guests boot from.
type ImageCacheOptions struct {
	ManagerInterval      int  `yaml:"manager_interval"`                           // seconds between looks for unused images; 0 is 60, -1 never
	RemoveUnused         bool `yaml:"remove_unused_base_images"`                  // those that no guest uses
	MinimumUnusedSeconds int  `yaml:"remove_unused_original_minimum_age_seconds"` // for which no guest has used them
}

func defaultNova() NovaOptions {
	return NovaOptions{ImageCacheOptions{ManagerInterval: 2400, RemoveUnused: true, MinimumUnusedSeconds: 24 * 3600}}
}

// apply adds the options to those of the driver.
func (n NovaOptions) apply(c libvirt.Config) libvirt.Config {
	o := n.ImageCache
	c.SweepEvery = time.Duration(o.ManagerInterval) * time.Second
	if o.ManagerInterval == 0 {
		c.SweepEvery = time.Minute
	}
	c.Cache = imagecache.Config{KeepUnused: !o.RemoveUnused, MinAge: max(time.Duration(o.MinimumUnusedSeconds)*time.Second, 1)} // 0 were its default
	return c
}

func (n NovaOptions) check() error {
	var errs []error
	if n.ImageCache.ManagerInterval < -1 {
		errs = append(errs, errors.New("manager_interval is less than -1"))
	}
	if n.ImageCache.MinimumUnusedSeconds < 0 {
		errs = append(errs, errors.New("remove_unused_original_minimum_age_seconds is less than 0"))
	}
	return errors.Join(errs...)
}
