package api

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

type briefServer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Links []link `json:"links"`
}

type briefList struct {
	Servers []briefServer `json:"servers"`
	Links   []link        `json:"servers_links,omitempty"`
}

type detailList struct {
	Servers []json.RawMessage `json:"servers"` // each a serverView
	Links   []link            `json:"servers_links,omitempty"`
}

func (a *API) listServers(c *httpapi.Call) (briefList, error) {
	out := briefList{Servers: []briefServer{}}
	q, err := a.serverQuery(c, "index")
	if err != nil || q.nothing {
		return out, err
	}
	list, err := a.svc.ServerNames(c.Ctx(), q.filter, q.page)
	if err != nil {
		return out, err
	}
	for _, s := range list {
		out.Servers = append(out.Servers, briefServer{ID: s.ID, Name: s.Name, Links: links(c, "servers", s.ID)})
	}
	out.Links = a.nextServers(c, "servers", q, list)
	return out, nil
}

func (a *API) listServerDetails(c *httpapi.Call) (detailList, error) {
	out := detailList{Servers: []json.RawMessage{}}
	q, err := a.serverQuery(c, "detail")
	if err != nil || q.nothing {
		return out, err
	}
	list, err := a.svc.Servers(c.Ctx(), q.filter, q.page)
	if err != nil {
		return out, err
	}
	may, err := a.serverLookup(c, list, false)
	if err != nil {
		return out, err
	}
	out.Servers = a.texts.of(c, list, may)
	out.Links = a.nextServers(c, "servers/detail", q, list)
	return out, nil
}

func (a *API) nextServers(c *httpapi.Call, path string, q serverQuery, list []nova.Server) []link {
	if len(list) == 0 {
		return nil
	}
	return nextLinks(c, path, q.page.Limit, len(list), list[len(list)-1].ID)
}

// serverQuery is the query string of a list, understood.
type serverQuery struct {
	filter  nova.ServerFilter
	page    db.Page
	nothing bool // it cannot be met by any server
}

// openFilters are what everybody may filter by, with the microversion since when.
var openFilters = map[string]string{"reservation_id": "", "name": "", "status": "", "image": "", "flavor": "", "ip": "", "changes-since": "",
	"all_tenants": "", "ip6": "2.5", "tags": "2.26", "tags-any": "2.26", "not-tags": "2.26", "not-tags-any": "2.26",
	"changes-before": "2.66", "locked": "2.73", "availability_zone": "2.83", "config_drive": "2.83", "key_name": "2.83",
	"created_at": "2.83", "launched_at": "2.83", "terminated_at": "2.83", "power_state": "2.83", "task_state": "2.83",
	"vm_state": "2.83", "progress": "2.83", "user_id": "2.83"}

// joined are filters that never were one.
var joined = []string{"block_device_mapping", "services", "metadata", "system_metadata", "info_cache", "security_groups", "pci_devices"}

// serverQuery reads filters, sort keys and the page; what names the list in its policy rules.
func (a *API) serverQuery(c *httpapi.Call, what string) (q serverQuery, err error) {
	asked := map[string]string{}
	all := c.Allowed("os_compute_api:servers:allow_all_filters", ownTarget(c))
	for name := range c.Query {
		since, open := openFilters[name]
		if all || open && (since == "" || c.Version.AtLeast(since)) {
			asked[name] = last(c.Query, name)
		}
	}
	for name := range asked {
		if slices.Contains(joined, name) || strings.HasPrefix(name, "_") {
			return q, fault.BadRequest("Invalid filter field: %s.", name)
		}
	}
	if err := q.states(c, asked); err != nil || q.nothing {
		return q, err
	}
	if err := q.times(asked); err != nil {
		return q, err
	}
	if err := q.owner(c, asked, what); err != nil {
		return q, err
	}
	q.tags(c, asked)
	q.fields(asked)
	if q.page.Limit, q.page.Marker, err = pageOf(c); err != nil {
		return q, err
	}
	q.page.Sort, err = serverSort(c)
	q.nothing = q.page.Limit == 0
	return q, err
}

// states reads status, vm_state, task_state and deleted.
func (q *serverQuery) states(c *httpapi.Call, asked map[string]string) error {
	if _, ok := c.Query["status"]; ok {
		vm, tasks, known := nova.StatusFilter(c.Query["status"])
		if !known {
			q.nothing = !c.Version.AtLeast("2.38")
			if !q.nothing {
				return fault.BadRequest("Invalid status value")
			}
			return nil
		}
		q.filter.VMStates, q.filter.Tasks = vm, tasks
	} else if v, ok := asked["vm_state"]; ok {
		q.filter.VMStates = []nova.VMState{nova.VMState(v)}
	}
	if v, ok := asked["task_state"]; ok && q.filter.Tasks == nil {
		q.filter.Tasks = []nova.TaskState{nova.TaskState(v)}
	}
	if v, ok := asked["deleted"]; ok {
		q.filter.Deleted, _ = boolOf(v)
	} else {
		_, since := asked["changes-since"]
		_, before := asked["changes-before"]
		q.filter.OrDeleted = since || before
	}
	if slices.Equal(q.filter.VMStates, []nova.VMState{nova.Deleted}) {
		if !c.Caller.Admin {
			return fault.Forbidden("Only administrators may list deleted instances")
		}
		q.filter.Deleted = true
	}
	return nil
}

// times reads changes-since and changes-before.
func (q *serverQuery) times(asked map[string]string) error {
	for name, into := range map[string]*time.Time{"changes-since": &q.filter.ChangedSince, "changes-before": &q.filter.ChangedBefore} {
		text, ok := asked[name]
		if !ok {
			continue
		}
		t, ok := parseTime(text)
		if !ok {
			return fault.BadRequest("Invalid filter field: %s.", name)
		}
		*into = t
	}
	if f := q.filter; !f.ChangedSince.IsZero() && !f.ChangedBefore.IsZero() && f.ChangedBefore.Before(f.ChangedSince) {
		return fault.BadRequest("The value of changes-since must be less than or equal to changes-before.")
	}
	return nil
}

// parseTime reads ISO 8601 with or without zone; without, it is UTC.
func parseTime(text string) (time.Time, bool) {
	text = strings.ReplaceAll(text, " ", "+")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// owner limits the list to the caller's project unless all tenants are asked for.
func (q *serverQuery) owner(c *httpapi.Call, asked map[string]string, what string) error {
	everybody := false
	if v, ok := asked["all_tenants"]; ok {
		b, known := boolOf(v)
		if everybody = v == "" || b; v != "" && !known {
			return fault.BadRequest("Invalid value '%s'", v)
		}
	}
	if !everybody {
		q.filter.ProjectID = c.Caller.ProjectID
		if q.filter.ProjectID == "" {
			q.filter.UserID = c.Caller.UserID
		}
		delete(asked, "project_id")
		delete(asked, "tenant_id")
		return nil
	}
	for _, name := range []string{"tenant_id", "project_id"} {
		if v := asked[name]; v != "" {
			q.filter.ProjectID = v
		}
	}
	return c.Enforce("os_compute_api:servers:"+what+":get_all_tenants", ownTarget(c))
}

// tags reads the four filters on tags.
func (q *serverQuery) tags(c *httpapi.Call, asked map[string]string) {
	if !c.Version.AtLeast("2.26") {
		return
	}
	for name, into := range map[string]*[]string{"tags": &q.filter.Tags, "tags-any": &q.filter.TagsAny,
		"not-tags": &q.filter.NotTags, "not-tags-any": &q.filter.NotTagsAny} {
		if v, ok := asked[name]; ok {
			*into = strings.Split(v, ",")
		}
	}
}

// How the remaining filters compare.
var (
	exactFilters   = []string{"image_ref", "image", "host", "uuid", "launch_index"}
	patternFilters = []string{"kernel_id", "ramdisk_id", "hostname", "key_name", "power_state", "node", "reservation_id", "launched_at",
		"terminated_at", "availability_zone", "name", "display_name", "description", "display_description", "locked_by",
		"root_device_name", "access_ip_v4", "access_ip_v6", "progress", "created_at"}
)

// fields reads the filters on single columns.
func (q *serverQuery) fields(asked map[string]string) {
	f := &q.filter
	f.Exact, f.Pattern = map[string]string{}, map[string]string{}
	if v := asked["user_id"]; v != "" {
		f.UserID = v
	}
	f.FlavorID, f.IP, f.IP6 = asked["flavor"], asked["ip"], asked["ip6"]
	for _, name := range exactFilters {
		if v, ok := asked[name]; ok {
			f.Exact[nova.ServerColumn(name)] = v
		}
	}
	for _, name := range patternFilters {
		if v, ok := asked[name]; ok {
			f.Pattern[nova.ServerColumn(name)] = v
		}
	}
	for name, into := range map[string]**bool{"locked": &f.Locked, "config_drive": &f.ConfigDrive} {
		if v, ok := asked[name]; ok {
			b, _ := boolOf(v)
			*into = &b
		}
	}
	if v, ok := asked["auto_disk_config"]; ok {
		f.Exact["disk_config"] = "MANUAL"
		if auto, _ := boolOf(v); auto {
			f.Exact["disk_config"] = "AUTO"
		}
	}
}

// sortable are the keys that order a list; all others the schema lets through are ignored.
var sortable = []string{"task_state", "project_id", "progress", "updated_at", "display_name", "root_device_name", "terminated_at",
	"user_id", "auto_disk_config", "ramdisk_id", "key_name", "power_state", "vm_state", "instance_type_id", "kernel_id",
	"access_ip_v4", "availability_zone", "created_at", "display_description", "launched_at", "uuid", "hostname", "image_ref",
	"config_drive", "host", "locked_by", "access_ip_v6", "launch_index", "locked", "node"}

func serverSort(c *httpapi.Call) ([]db.Sort, error) {
	var out []db.Sort
	dirs := c.Query["sort_dir"]
	desc := true
	for i, key := range c.Query["sort_key"] {
		if i < len(dirs) {
			if dirs[i] != "asc" && dirs[i] != "desc" {
				return nil, fault.BadRequest("Unknown sort direction, must be 'desc' or 'asc'.")
			}
			desc = dirs[i] == "desc"
		}
		if (key == "host" || key == "node") && !c.Caller.Admin {
			return nil, fault.Forbidden("Only administrators can sort servers by %s", key)
		}
		if slices.Contains(sortable, key) {
			out = append(out, db.Sort{Column: nova.ServerColumn(key), Desc: desc})
		}
	}
	if len(c.Query["sort_key"]) == 0 && len(dirs) > 0 {
		out = []db.Sort{{Column: "created_at", Desc: dirs[0] != "asc"}, {Column: "id", Desc: dirs[0] != "asc"}}
	}
	return out, nil
}
