package service

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/protection"
	"nacre/internal/oslo/httpclient"
)

// Config are the options of the Image service, under the original's names. A
// negative quota is unlimited.
type Config struct {
	ImageSizeCap       int64  `yaml:"image_size_cap"`       // bytes of one image
	UserStorageQuota   string `yaml:"user_storage_quota"`   // bytes of a project's images: "10GB"; "0" is unlimited
	ImageMemberQuota   int    `yaml:"image_member_quota"`   // members of one image
	ImagePropertyQuota int    `yaml:"image_property_quota"` // properties of one image
	ImageTagQuota      int    `yaml:"image_tag_quota"`      // tags of one image
	ImageLocationQuota int    `yaml:"image_location_quota"` // locations of one image
	LimitParamDefault  int    `yaml:"limit_param_default"`  // images of a page that names no limit
	APILimitMax        int    `yaml:"api_limit_max"`        // images of any page

	ClientSocketTimeout int `yaml:"client_socket_timeout"` // seconds without a byte that end an upload or a download; 0: none do

	ShowMultipleLocations bool `yaml:"show_multiple_locations"` // images have "locations", and a patch may change them
	ShowImageDirectURL    bool `yaml:"show_image_direct_url"`   // images have "direct_url"
	DoSecureHash          bool `yaml:"do_secure_hash"`          // hash what an added location has
	HTTPRetries           int  `yaml:"http_retries"`            // of such a hashing

	DelayedDelete bool `yaml:"delayed_delete"` // deleted images keep their bytes for a while
	ScrubTime     int  `yaml:"scrub_time"`     // seconds from the deletion until the scrubber may remove them
	WakeupTime    int  `yaml:"wakeup_time"`    // seconds between two rounds of the scrubber

	ImageCacheDir           string `yaml:"image_cache_dir"`           // where this host keeps bytes of remote stores; "" is no cache
	ImageCacheMaxSize       int64  `yaml:"image_cache_max_size"`      // bytes to which the cache is pruned
	ImageCacheStallTime     int    `yaml:"image_cache_stall_time"`    // seconds after which an unfinished file is a dead download's
	CachePrefetcherInterval int    `yaml:"cache_prefetcher_interval"` // seconds between two rounds of fetching, cleaning and pruning

	// RequireImageFormatMatch refuses bytes in which the declared disk format
	// was not recognised. Bytes of another format than the declared one, and
	// dangerous ones, are refused in any case.
	RequireImageFormatMatch bool `yaml:"require_image_format_match"`

	EnabledImportMethods []string           `yaml:"enabled_import_methods"`
	ImageImportPlugins   []string           `yaml:"image_import_plugins"` // in running order
	ImportFiltering      httpclient.Config  `yaml:"import_filtering_opts"`
	ImageConversion      ImageConversion    `yaml:"image_conversion"`
	InjectMetadata       InjectMetadata     `yaml:"inject_metadata_properties"`
	GlanceDownload       DownloadProperties `yaml:"glance_download_properties"`
	TaskTimeToLive       int                `yaml:"task_time_to_live"` // hours, once a task is over
	WSGI                 WSGI               `yaml:"wsgi"`

	PropertyProtectionFile       string `yaml:"property_protection_file"`        // who may do what to which properties; "": everybody everything
	PropertyProtectionRuleFormat string `yaml:"property_protection_rule_format"` // of that file: roles or policies

	UseKeystoneLimits bool `yaml:"use_keystone_limits"` // instead of user_storage_quota
	// WorkerSelfReferenceURL is where other processes of this service find the
	// one that has an image's staged bytes; "" is where all share them.
	WorkerSelfReferenceURL string `yaml:"worker_self_reference_url"`
}

// WSGI is about the process.
type WSGI struct {
	TaskPoolThreads int `yaml:"task_pool_threads"` // imports at the same time
}

// ImageConversion is about the plugin image_conversion.
type ImageConversion struct {
	OutputFormat string `yaml:"output_format"` // qcow2, raw or vmdk
}

// InjectMetadata is about the plugin inject_image_metadata.
type InjectMetadata struct {
	IgnoreUserRoles []string          `yaml:"ignore_user_roles"` // whose imports get nothing
	Inject          map[string]string `yaml:"inject"`
}

// DownloadProperties says which properties glance-download takes along.
type DownloadProperties struct {
	ExtraProperties []string `yaml:"extra_properties"` // how their names begin
}

// DefaultConfig is what holds where nothing is configured.
func DefaultConfig() Config {
	return Config{ImageSizeCap: 1 << 40, UserStorageQuota: "0", ImageMemberQuota: 128, ImagePropertyQuota: 128,
		ImageTagQuota: 128, ImageLocationQuota: 10, LimitParamDefault: 25, APILimitMax: 1000,
		ClientSocketTimeout: 900, DoSecureHash: true, HTTPRetries: 3, WakeupTime: 300,
		ImageCacheMaxSize: 10 << 30, ImageCacheStallTime: 86400, CachePrefetcherInterval: 300,
		EnabledImportMethods: []string{GlanceDirect, WebDownload, CopyImage},
		ImportFiltering:      httpclient.Config{AllowedSchemes: []string{"http", "https"}, AllowedPorts: []int{80, 443}, FTP: true},
		ImageConversion:      ImageConversion{OutputFormat: "raw"}, InjectMetadata: InjectMetadata{IgnoreUserRoles: []string{"admin"}},
		GlanceDownload: DownloadProperties{ExtraProperties: []string{"hw_", "trait:", "os_distro", "os_secure_boot", "os_type"}},
		TaskTimeToLive: 48, WSGI: WSGI{TaskPoolThreads: 16}, PropertyProtectionRuleFormat: protection.Roles}
}

// Check reports every option that makes no sense.
func (c *Config) Check() error {
	var errs []error
	if c.ImageSizeCap < 1 {
		errs = append(errs, fmt.Errorf("image_size_cap: %d is no size", c.ImageSizeCap))
	}
	if c.LimitParamDefault < 1 || c.APILimitMax < 1 {
		errs = append(errs, errors.New("limit_param_default and api_limit_max: a page has at least one image"))
	}
	if c.ClientSocketTimeout < 0 || c.HTTPRetries < 0 || c.ScrubTime < 0 || c.WakeupTime < 1 {
		errs = append(errs, errors.New("client_socket_timeout, http_retries, scrub_time and wakeup_time: no number is negative, and a round takes a second at least"))
	}
	if c.ImageCacheMaxSize < 0 || c.ImageCacheStallTime < 0 || c.CachePrefetcherInterval < 1 {
		errs = append(errs, errors.New("image_cache_max_size, image_cache_stall_time and cache_prefetcher_interval: no number is negative, and a round takes a second at least"))
	}
	if u := c.WorkerSelfReferenceURL; u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		errs = append(errs, fmt.Errorf("worker_self_reference_url: %q is no URL such as http://10.0.0.1:9292", u))
	}
	if _, err := parseSize(c.UserStorageQuota); err != nil {
		errs = append(errs, fmt.Errorf("user_storage_quota: %w", err))
	}
	if f := c.PropertyProtectionRuleFormat; f != protection.Roles && f != protection.Policies {
		errs = append(errs, fmt.Errorf("property_protection_rule_format: %q is neither roles nor policies", f))
	} else if _, err := protection.Open(c.PropertyProtectionFile, f); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.checkImport())...)
}

// checkImport reports the mistakes of the options about import.
func (c *Config) checkImport() error {
	errs := []error{checkPlugins(c.ImageImportPlugins)}
	if err := c.ImportFiltering.Check(); err != nil {
		errs = append(errs, fmt.Errorf("import_filtering_opts: %w", err))
	}
	for _, m := range c.EnabledImportMethods {
		if !slices.Contains([]string{GlanceDirect, WebDownload, CopyImage, GlanceDownload}, m) {
			errs = append(errs, fmt.Errorf("enabled_import_methods: %q is none of glance-direct, web-download, copy-image, glance-download", m))
		}
	}
	if f := c.ImageConversion.OutputFormat; !slices.Contains([]string{"", "qcow2", "raw", "vmdk"}, f) {
		errs = append(errs, fmt.Errorf("image_conversion.output_format: %q is none of qcow2, raw, vmdk", f))
	}
	for name := range c.InjectMetadata.Inject {
		if strings.HasPrefix(name, glance.ReservedNamespace) || setters[name] != nil || name == "" || len(name) > 255 {
			errs = append(errs, fmt.Errorf("inject_metadata_properties.inject: %q is no property that can be injected", name))
		}
	}
	if c.WSGI.TaskPoolThreads < 1 {
		errs = append(errs, errors.New("wsgi.task_pool_threads is less than 1"))
	}
	if c.TaskTimeToLive < 0 {
		errs = append(errs, errors.New("task_time_to_live is negative"))
	}
	return errors.Join(errs...)
}

// parseSize reads "10", "10B", "10KB", "10MB", "10GB" or "10TB" as bytes.
func parseSize(text string) (int64, error) {
	number := strings.TrimRight(text, "BKMGT")
	shift, ok := map[string]int{"": 0, "B": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40}[text[len(number):]]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || n < 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("%q is no size: want a number and B, KB, MB, GB or TB", text)
	}
	return n << shift, nil
}
