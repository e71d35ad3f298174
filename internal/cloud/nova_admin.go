package cloud

import (
	"errors"
	"os"
	"path/filepath"

	"nacre/internal/nova/imagecache"
)

// HostImages are the images that this host keeps for its guests. The cloud may run.
func HostImages(cfg Config) ([]imagecache.Entry, error) {
	list, err := imagecache.List(filepath.Join(cfg.StateDir, "images"))
	if errors.Is(err, os.ErrNotExist) { // no guest has run here
		return nil, nil
	}
	return list, err
}
