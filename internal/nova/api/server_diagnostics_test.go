package api_test

import (
	"testing"

	"nacre/internal/cloudtest"
)

func TestDiagnostics(t *testing.T) {
	e := newEstate(t)
	s := e.create(`"networks": "auto"`)
	admin := e.As(cloudtest.Admin)
	admin.Compute("2.93").Get("/servers/"+s.Server.ID+"/diagnostics").Want(200, `"state":"running"`, `"num_cpus":1`, `"num_nics":1`, `"memory_details"`)
	admin.Compute("2.1").Get("/servers/"+s.Server.ID+"/diagnostics").Want(200, `"memory":65536`, `"vnet0_rx"`)
	e.As(cloudtest.Member).Compute("2.93").Get("/servers/"+s.Server.ID+"/diagnostics").Want(403, "os_compute_api:os-server-diagnostics")
	e.As(cloudtest.Member).Compute("2.93").Post("/servers/"+s.Server.ID+"/action", `{"forceDelete": null}`).Want(202)
}
