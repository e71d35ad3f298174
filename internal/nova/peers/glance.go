package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/keystoneauth"
	"nacre/internal/oslo/uuid"
)

// Glance is the image service.
type Glance struct{ session }

// NewGlance makes a client of Glance.
func NewGlance(s *keystoneauth.Session) *Glance {
	return &Glance{session{Session: s, service: "image"}}
}

// core are the image's own fields; all others are properties.
var core = map[string]bool{"id": true, "name": true, "status": true, "disk_format": true, "container_format": true, "size": true,
	"virtual_size": true, "min_disk": true, "min_ram": true, "checksum": true, "os_hash_algo": true, "os_hash_value": true,
	"visibility": true, "protected": true, "owner": true, "created_at": true, "updated_at": true, "tags": true, "self": true,
	"file": true, "schema": true, "direct_url": true, "locations": true, "os_hidden": true, "stores": true}

// Image is an image the caller may see; a 404 fault when there is none.
func (g *Glance) Image(ctx context.Context, id string) (nova.Image, error) {
	if !uuid.Valid(id) {
		return nova.Image{}, fault.NotFound("Image %s could not be found.", id)
	}
	c, err := g.asCaller(ctx)
	if err != nil {
		return nova.Image{}, err
	}
	var doc imageDoc
	switch err := c.call(ctx, "GET", "images/"+id, nil, nil, &doc); status(err) {
	case 0:
		return doc.image(), err
	case 404, 403:
		return nova.Image{}, fault.NotFound("Image %s could not be found.", id)
	default:
		return nova.Image{}, fmt.Errorf("glance: %w", err)
	}
}

// imageDoc is an image on the wire: its own fields beside its properties.
type imageDoc map[string]any

// count reads a whole number, however the decoder keeps numbers; null is 0.
func (doc imageDoc) count(key string) int64 {
	switch n := doc[key].(type) {
	case float64:
		return int64(n)
	case json.Number:
		i, _ := n.Int64() // Glance sends whole numbers only
		return i
	}
	return 0
}

func (doc imageDoc) image() nova.Image {
	word := func(key string) string { s, _ := doc[key].(string); return s }
	img := nova.Image{ID: word("id"), Name: word("name"), Status: word("status"), DiskFormat: word("disk_format"),
		ContainerFormat: word("container_format"), SizeBytes: doc.count("size"), VirtualBytes: doc.count("virtual_size"),
		MinDiskGB: int(doc.count("min_disk")), MinMemoryMB: int(doc.count("min_ram")), Checksum: word("checksum"),
		HashAlgo: word("os_hash_algo"), HashValue: word("os_hash_value"), Properties: map[string]string{}}
	for key, v := range doc {
		if core[key] {
			continue
		}
		switch t := v.(type) {
		case string:
			img.Properties[key] = t
		case bool:
			img.Properties[key] = strconv.FormatBool(t)
		}
	}
	return img
}
