package cloud_test

import (
	"testing"

	"nacre/internal/cloud"
)

// TestSchemas compiles what requests compile only when they need it.
func TestSchemas(t *testing.T) {
	for _, s := range cloud.Services {
		api, err := s.NewAPI()
		if err != nil {
			t.Fatal(err)
		}
		if err := api.CompileSchemas(); err != nil {
			t.Error(err)
		}
	}
}
