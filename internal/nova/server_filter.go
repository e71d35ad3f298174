package nova

import "time"

// ServerFilter narrows a list of servers. The zero value is every live server.
type ServerFilter struct {
	ProjectID string
	UserID    string
	Host      string
	IDs       []string // nil: any
	VMStates  []VMState
	Tasks     []TaskState
	FlavorID  string
	ImageID   string
	Locked    *bool

	ConfigDrive *bool

	Deleted   bool // only deleted ones
	OrDeleted bool // deleted ones as well

	ChangedSince, ChangedBefore time.Time // zero: open

	Tags, TagsAny, NotTags, NotTagsAny []string

	Exact   map[string]string // column → value
	Pattern map[string]string // column → regular expression, somewhere in the value
	IP, IP6 string            // regular expressions on any fixed or floating address
}

// serverColumns maps the API's names of fields to columns where they differ.
var serverColumns = map[string]string{"uuid": "id", "image_ref": "image_id", "image": "image_id", "instance_type_id": "flavor_id",
	"flavor": "flavor_id", "auto_disk_config": "disk_config", "name": "display_name", "description": "display_description",
	"tenant_id": "project_id"}

// ServerColumn is the column that a filter or sort key of the API means.
func ServerColumn(field string) string {
	if c, ok := serverColumns[field]; ok {
		return c
	}
	return field
}
