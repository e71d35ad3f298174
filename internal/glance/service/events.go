package service

import (
	"context"

	"nacre/internal/glance"
)

// notify tells whoever listens of what is in the database.
func (s *Service) notify(ctx context.Context, event string, of any) {
	if img, ok := of.(glance.Image); ok {
		of = imageEvent(img)
	}
	s.events.Publish(ctx, event, of)
}

func imageEvent(img glance.Image) map[string]any {
	e := map[string]any{"id": img.ID, "name": img.Name, "status": img.Status, "created_at": isoTime(img.CreatedAt),
		"updated_at": isoTime(img.UpdatedAt), "min_disk": img.MinDisk, "min_ram": img.MinRAM, "protected": img.Protected,
		"checksum": img.Checksum, "owner": img.Owner, "disk_format": img.DiskFormat, "container_format": img.ContainerFormat,
		"is_public": img.Visibility == glance.Public, "visibility": img.Visibility, "properties": img.Properties,
		"tags": img.Tags, "size": nil, "virtual_size": nil, "deleted": img.Status == glance.Deleted, "deleted_at": nil}
	if img.Size != glance.None {
		e["size"] = img.Size
	}
	if img.VirtualSize != glance.None {
		e["virtual_size"] = img.VirtualSize
	}
	if img.Status == glance.Deleted && img.DeletedAt != nil {
		e["deleted_at"] = isoTime(*img.DeletedAt)
	}
	return e
}
