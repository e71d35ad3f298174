package api

import (
	"net/http"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// declared refuses a body whose type the client does not tell.
func declared(c *httpapi.Call) *httpapi.Response {
	if c.R.ContentLength <= 0 || c.R.Header.Get("Content-Type") != "" {
		return nil
	}
	r := encode(c, fault.BadRequest("content-type header required when content-length > 0"))
	return &r
}

// admit refuses bodies that are not JSON, and clients that do not want JSON.
func admit(c *httpapi.Call) error {
	if len(c.Route.Bodies) > 0 {
		if kind, _, _ := strings.Cut(contentType(c.R), ";"); kind != "application/json" {
			return fault.Unsupported("The media type %s is not supported, use application/json", kind)
		}
		return nil
	}
	answers := c.R.Method == http.MethodGet && c.Route.Status == http.StatusOK && !c.Route.Public
	if answers && best(accept(c.R), "application/json") == "" {
		return fault.NotAcceptable("Only application/json is provided")
	}
	return nil
}

// contentType is what the client says of its body, "None" when it says nothing.
func contentType(r *http.Request) string {
	if t := r.Header.Get("Content-Type"); t != "" {
		return t
	}
	return "None"
}

// accept is what the client wants; one that takes anything gets JSON.
func accept(r *http.Request) string {
	a := strings.Join(r.Header.Values("Accept"), ", ")
	if a == "" || a == "*/*" {
		return "application/json"
	}
	return a
}

// best is the offer that the client likes most, of several the first, or "".
// A header that says nothing sensible accepts everything.
func best(accept string, offers ...string) string {
	chosen, liking := "", 0.0
	for _, o := range offers {
		if q := quality(accept, o); q > liking {
			chosen, liking = o, q
		}
	}
	return chosen
}

// quality is how much the client likes a type, from 0 to 1, by the most
// specific of the ranges that it names.
func quality(accept, offer string) (q float64) {
	closest := 0
	kind, _, _ := strings.Cut(offer, "/")
	for _, part := range strings.Split(accept, ",") {
		media, params, _ := strings.Cut(part, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		fit := map[string]int{offer: 3, kind + "/*": 2, "*/*": 1}[media]
		switch {
		case media == "":
		case !strings.Contains(media, "/"):
			return 1
		case fit > closest:
			closest, q = fit, weight(params)
		}
	}
	return q
}

func weight(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			if q, err := strconv.ParseFloat(v, 64); err == nil {
				return q
			}
		}
	}
	return 1
}
