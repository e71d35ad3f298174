package keymanager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"nacre/internal/oslo/uuid"
)

// Files are certificates in the files ID.pem of a directory. Everybody's images
// may be signed with them.
type Files struct{ dir string }

// NewFiles opens a directory.
func NewFiles(dir string) (*Files, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", dir)
	}
	return &Files{dir}, err
}

// Certificate implements KeyManager. The directory is looked at each time.
func (f *Files) Certificate(_ context.Context, id string) (*Certificate, error) {
	if !uuid.Valid(id) { // nor a path
		return nil, ErrNotFound
	}
	file := filepath.Join(f.dir, id+".pem")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, err
	}
	cert, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cert, nil
}
