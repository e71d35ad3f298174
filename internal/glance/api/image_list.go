package api

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

type imagesView struct {
	Images []imageView
	First  string
	Next   string // "" on the last page
}

// AppendJSON implements httpapi.Appender. Nothing in it can fail to be encoded.
func (v imagesView) AppendJSON(b []byte) []byte {
	w := newJSONWriter(slices.Grow(b, 1024*(len(v.Images)+1)))
	w.WriteString(`{"images":[`)
	for i, img := range v.Images {
		if i > 0 {
			w.WriteByte(',')
		}
		img.write(w)
	}
	w.WriteString(`],"first":`)
	w.value(v.First)
	w.WriteString(`,"schema":"/v2/schemas/images"`)
	if v.Next != "" {
		w.WriteString(`,"next":`)
		w.value(v.Next)
	}
	w.WriteByte('}')
	return w.Bytes()
}

func (a *API) listImages(c *httpapi.Call) (imagesView, error) {
	params := parseParams(c.R.URL.RawQuery)
	view := imagesView{First: params.link("")}
	page, err := a.pageOf(c.Query)
	if err != nil {
		return view, err
	}
	filter, err := filterOf(c.Query)
	readable := a.svc.Readable(c.Ctx())
	if err != nil || page.Limit == 0 || asksHidden(filter, readable) {
		return view, err
	}
	images, err := a.svc.Images(c.Ctx(), filter, page)
	if err != nil {
		return view, err
	}
	for _, img := range images {
		if c.Allowed("get_image", img.PolicyTarget()) {
			view.Images = append(view.Images, a.viewOf(img, readable))
		}
	}
	if n := len(view.Images); n > 0 && len(images) == page.Limit {
		view.Next = params.link(view.Images[n-1].ID)
	}
	return view, nil
}

// asksHidden reports whether a filter asks for a property that the caller may
// not read: no image has it then.
func asksHidden(f glance.Filter, readable func(property string) bool) bool {
	if readable == nil {
		return false
	}
	for name := range f.Properties {
		if !readable(name) {
			return true
		}
	}
	return false
}

// params are the parameters of a list in the order sent, the last value of each.
type params struct {
	names  []string
	values map[string]string
}

func parseParams(query string) params {
	p := params{values: map[string]string{}}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil || name == "" || name == "marker" {
			continue
		}
		if _, seen := p.values[name]; !seen {
			p.names = append(p.names, name)
		}
		p.values[name] = value
	}
	return p
}

// link is the list of images with these parameters, beginning after marker.
func (p params) link(marker string) string { return p.linkTo("/v2/images", marker) }

// linkTo is the list at path with these parameters, beginning after marker.
func (p params) linkTo(path, marker string) string {
	var parts []string
	for _, name := range p.names {
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(p.values[name]))
	}
	if marker != "" {
		parts = append(parts, "marker="+url.QueryEscape(marker))
	}
	if len(parts) == 0 {
		return path
	}
	return path + "?" + strings.Join(parts, "&")
}

// pageOf reads limit, marker and order. A Limit of 0 is a page without images.
func (a *API) pageOf(q url.Values) (db.Page, error) {
	config := a.svc.Config()
	limit := config.LimitParamDefault
	if q.Has("limit") {
		n, err := strconv.Atoi(strings.TrimSpace(q.Get("limit")))
		switch {
		case err != nil:
			return db.Page{}, fault.BadRequest("limit param must be an integer")
		case n < 0:
			return db.Page{}, fault.BadRequest("limit param must be positive")
		}
		limit = n
	}
	sort, err := sortOf(q)
	return db.Page{Limit: min(limit, config.APILimitMax), Marker: q.Get("marker"), Sort: sort}, err
}

var sortKeys = []string{"name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at"}

// sortOf reads sort=name:asc,size or sort_key and sort_dir, and ends the order
// with created_at and id.
func sortOf(q url.Values) ([]db.Sort, error) {
	keys, dirs, err := orderOf(q)
	if err != nil {
		return nil, err
	}
	rest := "desc"
	if len(dirs) == 1 {
		rest = dirs[0]
	}
	var out []db.Sort
	for i, key := range keys {
		dir := rest
		if len(dirs) > 1 {
			dir = dirs[i]
		}
		out = append(out, db.Sort{Column: key, Desc: dir == "desc"})
	}
	for _, key := range []string{"created_at", "id"} {
		if !slices.Contains(keys, key) {
			out = append(out, db.Sort{Column: key, Desc: rest == "desc"})
		}
	}
	return out, nil
}

func orderOf(q url.Values) (keys, dirs []string, err error) {
	if q.Has("sort") {
		if q.Has("sort_key") || q.Has("sort_dir") {
			return nil, nil, fault.BadRequest("Old and new sorting syntax cannot be combined")
		}
		for part := range strings.SplitSeq(strings.TrimSpace(q.Get("sort")), ",") {
			key, dir, _ := strings.Cut(part, ":")
			if dir == "" {
				dir = "desc"
			}
			keys, dirs = append(keys, strings.TrimSpace(key)), append(dirs, strings.TrimSpace(dir))
		}
	} else {
		keys, dirs = trimmed(q["sort_key"]), trimmed(q["sort_dir"])
	}
	if err := checkOrder(keys, dirs); err != nil {
		return nil, nil, err
	}
	if len(keys) == 0 {
		keys = []string{"created_at"}
	}
	if len(dirs) == 0 {
		dirs = []string{"desc"}
	}
	return keys, dirs, nil
}

func trimmed(vs []string) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = strings.TrimSpace(v)
	}
	return out
}

func checkOrder(keys, dirs []string) error {
	for _, key := range keys {
		if !slices.Contains(sortKeys, key) {
			return fault.BadRequest("Invalid sort key: %s. It must be one of the following: %s.", key, strings.Join(sortKeys, ", "))
		}
	}
	for _, dir := range dirs {
		if dir != "asc" && dir != "desc" {
			return fault.BadRequest("Invalid sort direction: %s", dir)
		}
	}
	if len(dirs) > 1 && len(dirs) != len(keys) {
		return fault.BadRequest("Number of sort dirs does not match the number of sort keys")
	}
	return nil
}

// filterOf reads everything else that a list can be asked for. A name that is
// no attribute is a property.
func filterOf(q url.Values) (glance.Filter, error) {
	f := glance.Filter{MemberStatus: "accepted", Properties: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		all := q[name]
		if err := filterBy(&f, name, all[len(all)-1], all); err != nil {
			return f, err
		}
	}
	return f, nil
}

func filterBy(f *glance.Filter, name, value string, all []string) (err error) {
	switch name {
	case "limit", "marker", "sort", "sort_key", "sort_dir", "deleted": // deleted images are never listed
	case "tag":
		for _, t := range all {
			f.Tags = append(f.Tags, strings.TrimSpace(t))
		}
	case "member_status":
		f.MemberStatus, err = oneOf(value, "Invalid status: %s", "pending", "accepted", "rejected", "all")
	case "visibility":
		var v string
		v, err = oneOf(value, "Invalid visibility value: %s", "", "community", "public", "private", "shared", "all")
		f.Visibility = glance.Visibility(v)
	case "changes-since":
		err = fault.BadRequest(`The "changes-since" filter is no longer available on v2.`)
	case "os_hidden":
		f.Hidden, err = boolean(name, strings.ToLower(value))
	case "protected":
		var v bool
		v, err = boolean(name, value)
		f.Protected = &v
	case "owner":
		f.Owner = &value
	case "checksum":
		f.Checksum = value
	case "os_hash_value":
		f.HashValue = value
	case "created_at", "updated_at":
		err = byTime(f, name, value)
	case "name", "id", "status", "disk_format", "container_format":
		err = byText(f, name, value)
	default:
		err = byNumber(f, name, value)
	}
	return err
}

func oneOf(value, sentence string, allowed ...string) (string, error) {
	if !slices.Contains(allowed, value) {
		return "", fault.BadRequest(sentence, value)
	}
	return value, nil
}

func boolean(name, value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, fault.BadRequest("Invalid value '%s' for '%s' filter. Valid values are 'true' or 'false'.", value, name)
	}
	return value == "true", nil
}

// operator splits "gt:value"; a value without one is equal.
func operator(value string) (op, rest string) {
	if op, rest, ok := strings.Cut(value, ":"); ok {
		return op, rest
	}
	return "eq", value
}

var timeOps = map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "neq": "<>", "eq": "="}

func byTime(f *glance.Filter, name, value string) error {
	op, text := "eq", value
	at, ok := parseTime(value)
	if !ok {
		op, text = operator(value)
		at, ok = parseTime(text)
	}
	if !ok {
		return fault.BadRequest(`Bad "%s" query filter format. Use ISO 8601 DateTime notation.`, name)
	}
	if timeOps[op] == "" {
		return fault.BadRequest("Unable to filter on a unknown operator.")
	}
	f.Times = append(f.Times, glance.TimeFilter{Column: name, Op: timeOps[op], Value: at})
	return nil
}

// parseTime reads ISO 8601; a time without a zone is UTC. A blank before the
// zone is a plus sign that the client did not escape.
func parseTime(text string) (time.Time, bool) {
	text = strings.Replace(strings.Replace(text, "T", " ", 1), "t", " ", 1)
	if i := strings.LastIndex(text, " "); i > len("2006-01-02") {
		text = text[:i] + "+" + text[i+1:]
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z0700",
		"2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02",
		"20060102 150405Z0700", "20060102 150405"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func byText(f *glance.Filter, name, value string) error {
	op, rest := operator(value)
	values := []string{rest}
	switch op {
	case "eq":
	case "in":
		if err := checkQuotes(rest); err != nil {
			return err
		}
		values = splitQuoted(rest)
	default:
		return fault.BadRequest("Unable to filter by unknown operator '%s'.", op)
	}
	into := map[string]*[]string{"name": &f.Names, "id": &f.IDs, "status": &f.Statuses,
		"disk_format": &f.DiskFormats, "container_format": &f.ContainerFormats}
	*into[name] = values
	return nil
}

var numbers = []string{"size", "virtual_size", "min_disk", "min_ram"}

// byNumber reads size=5, size_min=5 and size_max=5; all else is a property.
func byNumber(f *glance.Filter, name, value string) error {
	column, op := name, "="
	if c, ok := strings.CutSuffix(name, "_min"); ok {
		column, op = c, ">="
	} else if c, ok := strings.CutSuffix(name, "_max"); ok {
		column, op = c, "<="
	}
	if !slices.Contains(numbers, column) {
		f.Properties[name] = value
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return fault.BadRequest("Unable to filter on a range with a non-numeric value.")
	}
	f.Numbers = append(f.Numbers, glance.NumberFilter{Column: column, Op: op, Value: n})
	return nil
}

// checkQuotes demands that quoted values stand between commas and end.
func checkQuotes(value string) error {
	open := false
	for i := range len(value) {
		if value[i] != '"' || i > 0 && value[i-1] == '\\' {
			continue
		}
		if !open && i > 0 && value[i-1] != ',' {
			return fault.BadRequest("Invalid filter value %s. There is no comma before opening quotation mark.", value)
		}
		if open && i+1 != len(value) && value[i+1] != ',' {
			return fault.BadRequest("Invalid filter value %s. There is no comma after closing quotation mark.", value)
		}
		open = !open
	}
	if open {
		return fault.BadRequest("Invalid filter value %s. The quote is not closed.", value)
	}
	return nil
}

var quotedValue = regexp.MustCompile(`"([^"\\]*(?:\\.[^"\\]*)*)",?|([^,]+),?|,`)

func splitQuoted(value string) []string {
	out := []string{}
	for _, m := range quotedValue.FindAllStringSubmatch(value, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}
