package keymanager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/keymanager/keymanagertest"
	"nacre/internal/oslo/uuid"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	files, err := keymanager.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	keymanagertest.Run(t, t.Context(), files, func(t *testing.T, text []byte) string {
		id := uuid.New()
		if err := os.WriteFile(filepath.Join(dir, id+".pem"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		return id
	})
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{file: "is no directory", dir + "/none": "no such file"} {
		if _, err := keymanager.NewFiles(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}
