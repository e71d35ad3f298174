package service

import (
	"context"
	"encoding/json"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// notify tells whoever listens. A lost event loses no state.
func (s *Service) notify(ctx context.Context, event string, of any) {
	if s.events == nil {
		return
	}
	if img, ok := of.(glance.Image); ok {
		of = imageEvent(img)
	}
	payload, err := json.Marshal(of)
	if err == nil {
		err = s.events.Notify(ctx, messaging.Event{MessageID: uuid.New(), PublisherID: "image." + s.worker, Type: event,
			Priority: "INFO", Timestamp: s.clock.Now(), Payload: payload})
	}
	if err != nil {
		slog.WarnContext(ctx, "event not published", "event", event, "error", err)
	}
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
