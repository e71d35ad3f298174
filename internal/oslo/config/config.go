// Package config reads a file of options into the structs that own them, and
// other files that an operator may change as a process runs.
//
// A file is YAML; option names are those of the struct's yaml tags. An option
// that nobody owns is a mistake, and all mistakes are reported together.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"
)

// Checker is a config that can tell what is wrong with its values.
type Checker interface{ Check() error }

// Load reads file over the defaults already in cfg and checks the result. A
// missing file is no error when optional.
func Load(file string, optional bool, cfg Checker) error {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && optional, file == "":
		return cfg.Check()
	case err != nil:
		return fmt.Errorf("configuration: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	err = dec.Decode(cfg)
	if errors.Is(err, io.EOF) {
		err = nil
	} else if err != nil {
		err = fmt.Errorf("configuration %s: %w", file, worded(err))
	}
	return errors.Join(err, cfg.Check())
}
