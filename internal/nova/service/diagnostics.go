package service

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/oslo/fault"
)

// Diagnostics counts what a running server's guest consumed.
func (s *Service) Diagnostics(ctx context.Context, srv nova.Server) (rpcapi.DiagnosticsReply, error) {
	if srv.Host == "" {
		return rpcapi.DiagnosticsReply{}, fault.Conflict("Instance %s is not ready", srv.ID)
	}
	if srv.PowerState != nova.PowerRunning {
		return rpcapi.DiagnosticsReply{}, cannot("get_diagnostics", srv.ID, "power state", powerNames[srv.PowerState])
	}
	reply, err := rpcapi.Diagnostics.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.GuestRequest{ServerID: srv.ID})
	reply.ConfigDrive = srv.ConfigDrive
	return reply, away(err)
}

// powerNames are the power states in the API's words.
var powerNames = map[nova.PowerState]string{nova.PowerNone: "NOSTATE", nova.PowerRunning: "RUNNING", nova.PowerPaused: "PAUSED",
	nova.PowerShutdown: "SHUTDOWN", nova.PowerCrashed: "CRASHED", nova.PowerSuspended: "SUSPENDED"}
