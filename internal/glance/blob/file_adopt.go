package blob

import (
	"fmt"
	"os"
	"path/filepath"
)

// Path is the file of an image, for programs that read files only. ErrNotFound
// if there is none.
func (f *File) Path(image string) (string, error) {
	if path := f.find(image); path != "" {
		return path, nil
	}
	return "", ErrNotFound
}

// Scratch is a file for a program to write what Adopt takes. Discard removes it.
func (f *File) Scratch(image, upload string) (string, error) {
	return filepath.Join(f.dirs[0].path, partial, image+"."+upload), Valid(image, upload)
}

// Adopt commits what a program wrote to the scratch file.
func (f *File) Adopt(image, upload string) error {
	path, err := f.Scratch(image, upload)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("image store: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return fmt.Errorf("image store: %w", err)
	}
	w := &fileWriter{of: f, file: file, path: path, final: filepath.Join(f.dirs[0].path, image), size: info.Size()}
	return w.Commit()
}
