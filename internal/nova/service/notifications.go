package service

import (
	"context"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
)

// serverPayload is a notification's view of a server, in the original's words.
type serverPayload struct {
	ServerID    string     `json:"instance_id"`
	ProjectID   string     `json:"tenant_id"`
	UserID      string     `json:"user_id"`
	Name        string     `json:"display_name"`
	Hostname    string     `json:"hostname"`
	Host        string     `json:"host"`
	Node        string     `json:"node"`
	Zone        string     `json:"availability_zone"`
	State       string     `json:"state"`
	NewTask     string     `json:"state_description"`
	FlavorID    string     `json:"instance_flavor_id"`
	FlavorName  string     `json:"instance_type"`
	VCPUs       int        `json:"vcpus"`
	MemoryMB    int        `json:"memory_mb"`
	RootGB      int        `json:"root_gb"`
	EphemeralGB int        `json:"ephemeral_gb"`
	DiskGB      int        `json:"disk_gb"`
	ImageID     string     `json:"image_ref_url"`
	CreatedAt   time.Time  `json:"created_at"`
	LaunchedAt  *time.Time `json:"launched_at"`
	DeletedAt   *time.Time `json:"deleted_at"`
}

// notifyLater tells listeners of an event once tx is committed. Losing it
// costs nobody state.
func (s *Service) notifyLater(ctx context.Context, tx *store.Tx, event string, srv nova.Server) {
	payload := serverPayload{ServerID: srv.ID, ProjectID: srv.ProjectID, UserID: srv.UserID, Name: srv.Name,
		Hostname: srv.Hostname, Host: srv.Host, Node: srv.Node, Zone: srv.Zone, State: string(srv.VMState), NewTask: string(srv.TaskState),
		FlavorID: srv.Flavor.FlavorID, FlavorName: srv.Flavor.Name, VCPUs: srv.VCPUs, MemoryMB: srv.MemoryMB, RootGB: srv.Flavor.RootGB,
		EphemeralGB: srv.Flavor.EphemeralGB, DiskGB: srv.Flavor.RootGB + srv.Flavor.EphemeralGB, ImageID: srv.ImageID,
		CreatedAt: srv.CreatedAt, LaunchedAt: srv.LaunchedAt, DeletedAt: srv.DeletedAt}
	s.events.As("compute."+srv.Host).AfterCommit(ctx, tx, event, func(context.Context) any { return payload })
}
