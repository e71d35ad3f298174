package cloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nacre/internal/glance/service"
)

// LoadMetadefs loads the definitions in the JSON files of a directory, or in
// one file; "" is the set that the binary carries. told gets a line for each
// file. A file that is wrong does not keep others from being loaded.
func (a *GlanceAdmin) LoadMetadefs(ctx context.Context, path string, o service.MetadefLoad, told func(line string)) error {
	if err := o.Check(); err != nil {
		return err
	}
	files, names, err := metadefFiles(path)
	if err != nil {
		return err
	}
	var wrong []error
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		outcome := ""
		if err == nil {
			outcome, err = a.Service.LoadMetadefs(ctx, text, o)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			continue
		}
		told(outcome + " " + name)
	}
	return errors.Join(wrong...)
}

// metadefFiles are the JSON files at path, by name.
func metadefFiles(path string) (files fs.FS, names []string, err error) {
	if path == "" {
		files, err = fs.Sub(service.Definitions, "metadefs")
	} else if info, statErr := os.Stat(path); statErr != nil {
		return nil, nil, statErr
	} else if !info.IsDir() {
		return os.DirFS(filepath.Dir(path)), []string{filepath.Base(path)}, nil
	} else {
		files = os.DirFS(path)
	}
	if err != nil {
		return nil, nil, err
	}
	entries, err := fs.ReadDir(files, ".")
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".json") {
			names = append(names, e.Name())
		}
	}
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no JSON files in %s", path)
	}
	return files, names, err
}

// ExportMetadefs writes every namespace to a file of its own in a directory,
// which it makes where there is none; told gets a line for each.
func (a *GlanceAdmin) ExportMetadefs(ctx context.Context, dir string, told func(line string)) error {
	files, err := a.Service.ExportMetadefs(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), append(text, '\n'), 0o644); err != nil {
			return err
		}
		told("wrote " + filepath.Join(dir, name))
	}
	return nil
}
