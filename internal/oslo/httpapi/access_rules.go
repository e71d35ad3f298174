package httpapi

import (
	"net/http"
	"regexp"
	"strings"

	"nacre/internal/oslo/auth"
)

// permitted refuses a call that the access rules of the caller's application
// credential do not name, as keystonemiddleware does. Calls that a service
// makes for the caller are parts of one that was permitted.
func (a *API) permitted(c *Call, id auth.Identity) error {
	if id.AccessRules == nil || id.IsService {
		return nil
	}
	path := c.R.URL.EscapedPath()
	if a.svc.Type == "identity" && c.R.Method == http.MethodGet && strings.HasSuffix(path, "/v3/auth/tokens") {
		return nil // every token may be validated
	}
	for _, r := range id.AccessRules {
		if r.Service == a.svc.Type && r.Method == c.R.Method && pathMatches(r.Path, path) {
			return nil
		}
	}
	return auth.ErrInvalid
}

// wildcard is what stands for other text in the path of an access rule.
var wildcard = regexp.MustCompile(`\{[^}]*\}|\*\*?`)

// pathMatches reports whether a path fits a pattern: * and {name} stand for
// one segment or a part of it, ** for anything.
func pathMatches(pattern, path string) bool {
	var b strings.Builder
	end := 0
	for _, at := range wildcard.FindAllStringIndex(pattern, -1) {
		b.WriteString(regexp.QuoteMeta(pattern[end:at[0]]))
		if pattern[at[0]:at[1]] == "**" {
			b.WriteString(".*")
		} else {
			b.WriteString("[^/]+")
		}
		end = at[1]
	}
	b.WriteString(regexp.QuoteMeta(pattern[end:]))
	re, err := regexp.Compile("^" + b.String() + "$")
	return err == nil && re.MatchString(path)
}
