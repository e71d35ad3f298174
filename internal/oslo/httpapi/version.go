package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
)

// Version is a microversion.
type Version struct{ Major, Minor int }

// ParseVersion reads "2.47"; false when s is not MAJOR.MINOR in plain decimal.
func ParseVersion(s string) (Version, bool) {
	major, minor, ok := strings.Cut(s, ".")
	a, okA := decimal(major)
	b, okB := decimal(minor)
	return Version{a, b}, ok && okA && okB
}

func decimal(s string) (int, bool) {
	if s == "" || len(s) > 4 || (len(s) > 1 && s[0] == '0') || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// String is "2.47".
func (v Version) String() string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }

// AtLeast reports whether v is other or newer; other is a literal such as "2.47".
func (v Version) AtLeast(other string) bool {
	o, _ := ParseVersion(other)
	return !v.before(o)
}

func (v Version) before(o Version) bool {
	return v.Major < o.Major || v.Major == o.Major && v.Minor < o.Minor
}

// within reports whether v lies in [min, max], where "" is open.
func (v Version) within(min, max string) bool {
	if min != "" && !v.AtLeast(min) {
		return false
	}
	if max == "" {
		return true
	}
	m, _ := ParseVersion(max)
	return !m.before(v)
}

// Change is one step back: what a client older than Version must not see.
type Change[V any] struct {
	Version Version
	Why     string
	Back    func(*V)
}

// Since says that what Back takes away came with that version.
func Since[V any](version, why string, back func(*V)) Change[V] {
	v, ok := ParseVersion(version)
	if !ok {
		panic("httpapi: no version: " + version)
	}
	return Change[V]{Version: v, Why: why, Back: back}
}

// Changes are listed newest first.
type Changes[V any] []Change[V]

// Before turns a view in the newest version into the one of version v.
func (cs Changes[V]) Before(v Version, view *V) {
	for _, c := range cs {
		if v.before(c.Version) {
			c.Back(view)
		}
	}
}

// negotiate reads the microversion that the request asks for.
func (s *Service) negotiate(r *http.Request) (Version, error) {
	lowest, _ := ParseVersion(s.MinVersion)
	highest, _ := ParseVersion(s.MaxVersion)
	asked := s.askedVersion(r)
	switch asked {
	case "":
		return lowest, nil
	case "latest":
		return highest, nil
	}
	v, ok := ParseVersion(asked)
	if !ok {
		return lowest, fault.BadRequest("API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked).As("version")
	}
	if v.before(lowest) || highest.before(v) {
		return v, fault.NotAcceptable("Version %s is not supported by the API. Minimum is %s and maximum is %s.", asked, lowest, highest).As("version")
	}
	return v, nil
}

// askedVersion is the text after the service's type in OpenStack-API-Version,
// else that of a header of the service's own, else "".
func (s *Service) askedVersion(r *http.Request) string {
	for _, line := range r.Header.Values("OpenStack-API-Version") {
		for _, part := range strings.Split(line, ",") {
			fields := strings.Fields(part)
			if len(fields) == 2 && strings.EqualFold(fields[0], s.Type) {
				return strings.ToLower(fields[1])
			}
		}
	}
	for _, name := range s.VersionHeaders {
		if v := strings.TrimSpace(r.Header.Get(name)); v != "" {
			return strings.ToLower(v)
		}
	}
	return ""
}

// tellVersion sets the answer's version headers.
func (s *Service) tellVersion(h http.Header, v Version) {
	h.Set("OpenStack-API-Version", s.Type+" "+v.String())
	if s.Vary != "" {
		h.Add("Vary", s.Vary)
	} else {
		h.Add("Vary", "OpenStack-API-Version")
	}
	for _, name := range s.VersionHeaders {
		h.Set(name, v.String())
		h.Add("Vary", name)
	}
}
