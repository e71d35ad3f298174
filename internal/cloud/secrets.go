package cloud

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Secrets are made on the first run and kept in the state directory, mode 0600.
type Secrets struct {
	AdminPassword  string            `json:"admin_password"`
	AdminProof     string            `json:"admin_proof,omitempty"` // that this is the administrator's password; see service.ProvePassword
	Services       map[string]string `json:"services"`              // passwords of the service users
	MetadataSecret string            `json:"metadata_secret"`       // signs what the metadata proxy says
}

// serviceUsers act for their services towards the others.
var serviceUsers = []string{"nova", "neutron", "glance", "placement"}

// loadSecrets reads the secrets of dir; the first run makes them.
func loadSecrets(dir, adminPassword string) (s Secrets, first bool, err error) {
	file := filepath.Join(dir, "secrets.json")
	data, err := os.ReadFile(file)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &s); err != nil {
			return s, false, fmt.Errorf("%s: %w", file, err)
		}
		return s, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return s, false, fmt.Errorf("secrets: %w", err)
	}
	s = Secrets{AdminPassword: adminPassword, Services: map[string]string{}, MetadataSecret: random()}
	if s.AdminPassword == "" {
		s.AdminPassword = random()
	}
	for _, u := range serviceUsers {
		s.Services[u] = random()
	}
	return s, true, s.save(dir)
}

func (s Secrets) save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(filepath.Join(dir, "secrets.json"), data)
}

func random() string {
	b := make([]byte, 18)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// writePrivate replaces a file at once, readable by its owner only.
func writePrivate(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
