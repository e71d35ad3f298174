package cloud

import (
	"fmt"
	"maps"
	"os"

	"nacre/internal/keystone"
)

// CatalogOptions are the original's [catalog], by their names there.
type CatalogOptions struct {
	Driver       string `yaml:"driver"`        // sql, templated
	TemplateFile string `yaml:"template_file"` // of the driver templated
}

// catalogPorts are the ports that a template may name.
var catalogPorts = map[string]string{"public_port": "5000", "admin_port": "35357"}

// template is the catalogue that stands in a file, or nil if it is in the
// database. Ports are where this cloud listens, by their names in the template.
func (o CatalogOptions) template(ports map[string]string) (*keystone.CatalogTemplate, error) {
	switch o.Driver {
	case "sql":
		return nil, nil
	case "templated":
	default:
		return nil, fmt.Errorf("catalog.driver: %q is neither sql nor templated", o.Driver)
	}
	text, err := os.ReadFile(o.TemplateFile)
	if err != nil {
		return nil, fmt.Errorf("catalog.template_file: %w", err)
	}
	values := maps.Clone(catalogPorts)
	maps.Copy(values, ports)
	t, err := keystone.ParseCatalogTemplate(string(text), values)
	if err != nil {
		return nil, fmt.Errorf("catalog.template_file: %s: %w", o.TemplateFile, err)
	}
	return &t, nil
}
