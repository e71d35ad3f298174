package attributes

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/neutron"
)

// tagFilters select by tags; their values are lists with commas.
var tagFilters = []string{"tags", "tags-any", "not-tags", "not-tags-any"}

// Query reads a list's query string: filters, order, page.
func (r *Resource) Query(params url.Values) (neutron.Query, error) {
	q := neutron.Query{Marker: params.Get("marker"), Reverse: truth(params.Get("page_reverse"))}
	if err := r.filters(params, &q); err != nil {
		return q, err
	}
	if err := r.sort(params, &q); err != nil {
		return q, err
	}
	if text := params.Get("limit"); params.Has("limit") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return q, neutron.BadRequest("limit", "Limit must be an integer 0 or greater and not '%s'", text)
		}
		q.Limit = n
	}
	for _, name := range params["fields"] {
		if a := r.attribute(name); a != nil && a.Field != "" {
			name = a.Field
		}
		if name != "" {
			q.Fields = append(q.Fields, name)
		}
	}
	return q, nil
}

func truth(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

func (r *Resource) filters(params url.Values, q *neutron.Query) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch name {
		case "fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse":
			continue
		}
		f, ok, err := r.filter(name, params[name])
		if err != nil {
			return err
		}
		if !ok {
			wrong = append(wrong, name)
			continue
		}
		q.Filters = append(q.Filters, f)
	}
	if len(wrong) > 0 {
		return neutron.Invalid("%s is invalid attribute for filtering", Repr(wrong))
	}
	return nil
}

func (r *Resource) filter(name string, texts []string) (neutron.Filter, bool, error) {
	f := neutron.Filter{Attr: name}
	if r.Tagged && slices.Contains(tagFilters, name) {
		for _, t := range texts {
			for tag := range strings.SplitSeq(t, ",") {
				f.Values = append(f.Values, tag)
			}
		}
		return f, true, nil
	}
	if name == "changed_since" && r.attribute("updated_at") != nil {
		t, err := changedSince(texts)
		f.Values = []any{t}
		return f, true, err
	}
	a := r.attribute(name)
	if a == nil || !a.Filter {
		return f, false, nil
	}
	if a.Field != "" {
		f.Attr = a.Field
	}
	for _, t := range texts {
		v, err := a.filterValue(t)
		if err != nil {
			return f, true, err
		}
		f.Values = append(f.Values, v)
	}
	return f, true, nil
}

// filterValue converts as a body's value would be; what cannot be matches nothing.
func (a *Attribute) filterValue(text string) (any, error) {
	if a.Convert == nil || text == "null" || text == "" {
		return text, nil
	}
	v, err := a.Convert(text)
	if _, list := v.([]any); list || v == nil {
		return text, err
	}
	return v, err
}

// changedSince reads the instant from which on changes count.
func changedSince(texts []string) (time.Time, error) {
	if len(texts) != 1 {
		return time.Time{}, neutron.InvalidInput("changed_since should be given once")
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, texts[0]); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, neutron.InvalidInput("The input %s must be in the following format: YYYY-MM-DDTHH:MM:SS[Z|(+/-)HH:MM]", Repr(texts))
}

func (r *Resource) sort(params url.Values, q *neutron.Query) error {
	keys, dirs := params["sort_key"], params["sort_dir"]
	if len(keys) != len(dirs) {
		return neutron.Invalid("The number of sort_keys and sort_dirs must be same")
	}
	var wrong, bad []string
	for i, k := range keys {
		a := r.attribute(k)
		if a == nil || !a.Sort {
			wrong = append(wrong, k)
			continue
		}
		if dirs[i] != "asc" && dirs[i] != "desc" {
			bad = append(bad, dirs[i])
			continue
		}
		attr := k
		if a.Field != "" {
			attr = a.Field
		}
		q.Sort = append(q.Sort, neutron.Sort{Attr: attr, Desc: dirs[i] == "desc"})
	}
	if len(wrong) > 0 {
		return neutron.Invalid("%s is invalid attribute for sort_keys", Repr(wrong))
	}
	if len(bad) > 0 {
		return neutron.Invalid("%s is invalid value for sort_dirs, valid value is 'asc' and 'desc'", Repr(bad))
	}
	return nil
}

// Links are the pages next to one, as its collection's *_links; an empty page,
// without a first and a last row, leads back to the other end of the list.
func Links(base, rawQuery, first, last string, full bool, reverse bool) []Link {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); name != "marker" && name != "page_reverse" && name != "" {
			kept = append(kept, pair)
		}
	}
	at := func(marker string, tail ...string) string {
		params := slices.Clone(kept)
		if marker != "" {
			params = append(params, "marker="+url.QueryEscape(marker))
		}
		return base + "?" + strings.Join(append(params, tail...), "&")
	}
	var out []Link
	if full || reverse {
		out = append(out, Link{Rel: "next", Href: at(last)})
	}
	if full || !reverse {
		out = append(out, Link{Rel: "previous", Href: at(first, "page_reverse=True")})
	}
	return out
}

// Link leads to another page.
type Link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}
