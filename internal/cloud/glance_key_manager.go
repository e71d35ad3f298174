package cloud

import (
	"errors"
	"fmt"

	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/keymanager/barbican"
)

// KeyManagerOptions say where the certificates are that images are signed with.
type KeyManagerOptions struct {
	Backend         string          `yaml:"backend"` // barbican (the default) or file
	Barbican        barbican.Config `yaml:",inline"`
	CertificatesDir string          `yaml:"certificates_dir"` // of the backend file: it has UUID.pem
}

// check reports an unknown backend, and options of another than the chosen one.
func (o KeyManagerOptions) check() error {
	var errs []error
	switch o.Backend {
	case "", "barbican":
		if o.CertificatesDir != "" {
			errs = append(errs, errors.New("key_manager: certificates_dir is an option of the backend file"))
		}
		if t := o.Barbican.EndpointType; t != "" && t != "public" && t != "internal" && t != "admin" {
			errs = append(errs, fmt.Errorf("key_manager: barbican_endpoint_type: %q is none of public, internal, admin", t))
		}
	case "file":
		if o.Barbican != (barbican.Config{}) {
			errs = append(errs, errors.New("key_manager: the backend is file, and there are options of barbican"))
		}
		if o.CertificatesDir == "" {
			errs = append(errs, errors.New("key_manager: the backend file needs certificates_dir"))
		}
	default:
		errs = append(errs, fmt.Errorf("key_manager: backend: %q is none of barbican, file", o.Backend))
	}
	return errors.Join(errs...)
}

func (o KeyManagerOptions) open(catalogue barbican.Catalogue) (keymanager.KeyManager, error) {
	if o.Backend == "file" {
		files, err := keymanager.NewFiles(o.CertificatesDir)
		if err != nil {
			return nil, fmt.Errorf("glance: key_manager: certificates_dir: %w", err)
		}
		return files, nil
	}
	b, err := barbican.New(o.Barbican, catalogue)
	if err != nil {
		return nil, fmt.Errorf("glance: key_manager: %w", err)
	}
	return b, nil
}
