package store

import (
	"context"

	"nacre/internal/oslo/db"
)

// metadataItem is one row of server_metadata.
type metadataItem struct {
	ServerID string `bun:"server_id,pk"`
	Item     string `bun:"item,pk"`
	Content  string `bun:"content"`
}

// serverTag is one row of server_tags.
type serverTag struct {
	ServerID string `bun:"server_id,pk"`
	Tag      string `bun:"tag,pk"`
}

var (
	serverMetadata = db.Table[metadataItem]("server_metadata")
	serverTags     = db.Table[serverTag]("server_tags")
)

func (tx *Tx) insertMetadata(ctx context.Context, serverID string, items map[string]string) error {
	rows := make([]metadataItem, 0, len(items))
	for item, content := range items {
		rows = append(rows, metadataItem{serverID, item, content})
	}
	return serverMetadata.Insert(ctx, tx, rows...)
}

func (tx *Tx) insertTags(ctx context.Context, serverID string, tags []string) error {
	rows := make([]serverTag, len(tags))
	for i, tag := range tags {
		rows[i] = serverTag{serverID, tag}
	}
	return serverTags.InsertMissing(ctx, tx, rows...)
}
