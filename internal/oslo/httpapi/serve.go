package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
	"nacre/internal/oslo/trace"
	"nacre/internal/oslo/uuid"
)

// Limits on what a request may bring besides its body.
const (
	maxPath  = 8 << 10
	maxQuery = 16 << 10
)

var requestIDForm = regexp.MustCompile(`^req-[0-9a-fA-F-]{36}$`)

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rec := &recorder{ResponseWriter: w}
	c := &Call{W: rec, R: r, api: a}
	id, global := requestIDs(r)
	ctx, span := trace.Start(auth.WithRequest(r.Context(),
		auth.Request{ID: id, GlobalID: global, Address: clientAddress(r), Agent: r.UserAgent()}), a.svc.Name)
	c.R = r.WithContext(ctx)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			slog.ErrorContext(c.Ctx(), "a handler panicked", "service", a.svc.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.fail(errors.New("panic"))
		}
		a.observe(c, span, rec.status, time.Since(start))
	}()
	rec.Header().Set("x-openstack-request-id", id)
	maps.Copy(rec.Header(), a.headers)
	for _, name := range a.svc.RequestIDHeaders {
		rec.Header().Set(name, id)
	}
	a.serve(c)
}

// observe tells metrics and trace about an answered request.
func (a *API) observe(c *Call, span trace.Span, status int, took time.Duration) {
	name := ""
	if c.Route != nil {
		name = c.Route.Method + " " + c.Route.Path
		span.Rename(a.svc.Name + " " + name)
	}
	if status >= http.StatusInternalServerError {
		span.End(fmt.Errorf("status %d", status))
	} else {
		span.End(nil)
	}
	if a.door.Observe != nil {
		a.door.Observe(c.R, name, status, took.Seconds())
	}
}

// requestIDs are the request's own ID, and that of the request it is a part
// of, if the client names one. The own is a fresh one, or, for a service that
// calls on behalf of a request, that one's.
func requestIDs(r *http.Request) (id, global string) {
	if global = r.Header.Get("X-Openstack-Request-Id"); !requestIDForm.MatchString(global) {
		return "req-" + uuid.New(), ""
	}
	if r.Header.Get("X-Service-Token") != "" {
		return global, global
	}
	return "req-" + uuid.New(), global
}

// clientAddress is where the request comes from, "" from within this process.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (a *API) serve(c *Call) {
	if len(c.R.URL.Path) > maxPath || len(c.R.URL.RawQuery) > maxQuery {
		c.fail(fault.New(http.StatusRequestURITooLong, "The URI is too long."))
		return
	}
	query, err := url.ParseQuery(c.R.URL.RawQuery)
	if err != nil || strings.Contains(c.R.URL.RawQuery, "%00") {
		c.fail(fault.BadRequest("Invalid query string.").Cause(err))
		return
	}
	c.Query = query
	routes, inside := a.match(c)
	if public := publicOf(routes, c.R.Method); public == nil && !(routes == nil && (!inside || a.svc.RouteFirst)) {
		if err := a.authenticate(c); err != nil {
			a.refuse(c, err)
			return
		}
	}
	if a.svc.MaxVersion != "" && inside {
		v, err := a.svc.negotiate(c.R)
		a.svc.tellVersion(c.Header(), v)
		c.Version = v
		if err != nil {
			c.fail(a.svc.reword(err))
			return
		}
	}
	if a.svc.Before != nil {
		if r := a.svc.Before(c); r != nil {
			c.send(*r)
			return
		}
	}
	if routes == nil {
		a.drain(c)
		c.send(a.notFound(c))
		return
	}
	a.dispatch(c, routes)
}

// match finds the rows of the request's path; inside tells whether it lies below the prefix.
func (a *API) match(c *Call) (rs []*Route, inside bool) {
	path := c.R.URL.EscapedPath()
	if strings.Contains(c.R.URL.Path, "\x00") || !utf8.ValidString(c.R.URL.Path) {
		return nil, strings.HasPrefix(path, a.svc.Prefix) // no SQL engine keeps such text, so nothing has such a name
	}
	if a.svc.TrimSlash && len(path) > 1 {
		path = strings.TrimRight(path, "/")
	}
	if rs, ps := a.roots.find(segments(path), nil); rs != nil {
		c.params = ps
		return rs, strings.HasPrefix(path, a.svc.Prefix+"/") && a.svc.Prefix != ""
	}
	rest, ok := strings.CutPrefix(path, a.svc.Prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return nil, false
	}
	segs := segments(rest)
	if rs, ps := a.tree.find(segs, nil); rs != nil {
		c.params = ps
		return rs, true
	}
	if a.svc.OptionalProject && len(segs) > 1 {
		if rs, ps := a.tree.find(segs[1:], nil); rs != nil {
			c.params = append(slices.Clip(ps), param{"project_id in URL", segs[0]})
			return rs, true
		}
	}
	return nil, true
}

// publicOf is the row that needs no token: one of the method, or, when the
// path does not know the method at all, any.
func publicOf(rs []*Route, method string) *Route {
	var public *Route
	known := false
	for _, r := range rs {
		same := r.Method == method || r.Method == http.MethodGet && method == http.MethodHead
		if r.Public && same {
			return r
		}
		if r.Public {
			public = r
		}
		known = known || same
	}
	if known {
		return nil
	}
	return public
}

// tokenOf is the token of a request: in X-Auth-Token, or as OAuth 2.0 has it.
func tokenOf(r *http.Request) string {
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		return token
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

// authenticate fills in the caller from the token and X-Service-Token. A token
// that is bound to a certificate is refused without it; one that has expired,
// but not long ago, passes with the token of a service.
func (a *API) authenticate(c *Call) error {
	token := tokenOf(c.R)
	if token == "" || a.door.Tokens == nil {
		return auth.ErrInvalid
	}
	service, vouched, err := a.vouching(c)
	if err != nil {
		return err
	}
	validate := a.door.Tokens.Validate
	if vouched && a.door.Expired != nil {
		validate = a.door.Expired
	}
	id, err := validate(c.Ctx(), token)
	if err != nil {
		return err
	}
	id.ServiceRoles, id.IsService = service.Roles, vouched
	if id.Thumbprint != "" && !id.MayUse(c.ClientCertificate()) {
		return auth.ErrInvalid
	}
	if err := a.permitted(c, id); err != nil {
		return err
	}
	id.Token, id.RequestID = token, auth.RequestID(c.Ctx())
	if a.svc.AdminRule != "" {
		id.Admin = a.policy.Allowed(id, a.svc.AdminRule, nil)
	}
	c.Caller = id
	c.R = c.R.WithContext(auth.WithCaller(c.Ctx(), id))
	return nil
}

// vouching is who is behind X-Service-Token, if there is one, and whether that is a service.
func (a *API) vouching(c *Call) (id auth.Identity, vouched bool, err error) {
	token := c.R.Header.Get("X-Service-Token")
	if token == "" {
		return id, false, nil
	}
	if id, err = a.door.Tokens.Validate(c.Ctx(), token); err == nil && id.Thumbprint != "" && !id.MayUse(c.ClientCertificate()) {
		err = auth.ErrInvalid
	}
	return id, slices.ContainsFunc(a.door.ServiceRoles, id.HasRole), err
}

// dispatch picks the row by method, microversion and action, and runs it.
func (a *API) dispatch(c *Call, routes []*Route) {
	if p := c.Param("project_id in URL"); p != "" && p != c.Caller.ProjectID {
		c.fail(fault.BadRequest("Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'", p, c.Caller.ProjectID))
		return
	}
	rows := ofMethod(routes, c.R.Method, a.svc.HeadFromGet)
	if len(rows) == 0 {
		a.drain(c)
		if c.R.Method == http.MethodOptions && a.svc.Options != nil {
			c.send(a.svc.Options(c, methods(routes)))
			return
		}
		c.send(a.notAllowed(c, methods(routes)))
		return
	}
	c.Route = rows[0]
	if !rows[0].RawBody {
		if err := c.readBody(); err != nil {
			c.fail(a.svc.reword(err))
			return
		}
	}
	row, err := a.pick(c, rows)
	if err != nil {
		c.fail(a.svc.reword(err))
		return
	}
	if row == nil {
		c.send(a.notFound(c))
		return
	}
	c.Route = row
	var body *stream
	if row.RawBody && c.R.Body != nil && c.R.Body != http.NoBody {
		body = &stream{ReadCloser: c.R.Body, patience: a.linger}
		c.R.Body = body
	}
	v, err := a.run(c, row)
	if err != nil {
		r := c.refusal(a.svc.reword(err)) // before the client is waited for, whose leaving is not the reason
		if body != nil {
			body.linger(c)
		}
		c.send(r)
		return
	}
	if !row.Do.raw {
		c.answer(v)
	}
}

func ofMethod(routes []*Route, method string, head bool) []*Route {
	var out []*Route
	for _, r := range routes {
		if r.Method == method || head && method == http.MethodHead && r.Method == http.MethodGet {
			out = append(out, r)
		}
	}
	return out
}

// pick chooses by action and microversion; nil when no row serves this version.
func (a *API) pick(c *Call, rows []*Route) (*Route, error) {
	action := ""
	if rows[0].Action != "" {
		var err error
		if action, err = actionOf(c.Body); err != nil {
			return nil, err
		}
	}
	known := false
	for _, r := range rows {
		if r.Action != action {
			continue
		}
		known = true
		if a.svc.MaxVersion == "" || c.Version == (Version{}) || c.Version.within(r.Min, r.Max) {
			return r, nil
		}
	}
	if action != "" && !known {
		return nil, fault.BadRequest("There is no such action: %s", action)
	}
	return nil, nil
}

// actionOf is the one key of an action's body.
func actionOf(body []byte) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		var wrong *json.UnmarshalTypeError
		if len(body) > 0 && !errors.As(err, &wrong) {
			return "", errBadJSON.Cause(err)
		}
		return "", fault.BadRequest("Malformed request body")
	}
	if len(m) != 1 {
		return "", fault.BadRequest("Malformed request body")
	}
	return sortedKeys(m)[0], nil
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// run does what the row says, in the service's order of checks.
func (a *API) run(c *Call, row *Route) (any, error) {
	if a.svc.Admit != nil {
		if err := a.svc.Admit(c); err != nil {
			return nil, err
		}
	}
	var found any
	ask := func() (err error) {
		if row.Do.find == nil || row.Do.late {
			err = a.enforce(c, row, nil, policy.Owned(c.Caller))
		}
		if row.Do.find == nil || err != nil {
			return err
		}
		if found, err = row.Do.find(c); err != nil || row.Do.late {
			return err
		}
		return a.enforce(c, row, found, found.(Owned).PolicyTarget())
	}
	check := func() error { return a.validate(c, row) }
	steps := []func() error{check, ask}
	if a.svc.PolicyFirst {
		steps = []func() error{ask, check}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return row.Do.do(c, found)
}

func (a *API) enforce(c *Call, row *Route, found any, target policy.Target) error {
	rule := row.Rule.Name
	if row.RuleOf != nil {
		rule = cmp.Or(row.RuleOf(c, found), rule)
	}
	if rule == "" {
		return nil
	}
	err := a.policy.Check(c.Caller, rule, target)
	if f, ok := fault.Of(err); ok && a.svc.Forbidden != nil {
		return a.svc.Forbidden(c, rule, f)
	}
	return err
}

// validate checks query and body against the row's schemas of this version.
func (a *API) validate(c *Call, row *Route) error {
	if s, err := a.schemas.at(row.Queries, c.Version); err != nil {
		return err
	} else if s != nil {
		if err := a.svc.checkQuery(s, c.Query); err != nil {
			return err
		}
	}
	if !row.Do.body || row.RawBody {
		return nil
	}
	if err := c.checkMedia(); err != nil {
		return err
	}
	s, err := a.schemas.at(row.Bodies, c.Version)
	if err != nil || s == nil {
		return err
	}
	return a.svc.checkBody(s, c.Body)
}

// answer sends a handler's view with the route's status.
func (c *Call) answer(v any) {
	if c.status == 0 {
		c.status = c.Route.Status
	}
	if s, ok := v.(interface{ StatusCode() int }); ok && s.StatusCode() != 0 {
		c.status = s.StatusCode()
	}
	if h, ok := v.(interface{ Headers() http.Header }); ok {
		for k, vs := range h.Headers() {
			c.Header()[http.CanonicalHeaderKey(k)] = vs
		}
	}
	if _, none := v.(None); none || v == nil {
		c.send(Response{Status: c.status})
		return
	}
	if own, ok := v.(Appender); ok {
		c.send(Response{Status: c.status, Body: own.AppendJSON(nil)})
		return
	}
	body, err := Encode(v)
	if err != nil {
		c.fail(fmt.Errorf("encode answer: %w", err))
		return
	}
	c.send(Response{Status: c.status, Body: body})
}

// Appender is a view that writes its own JSON, where an answer is long and asked for often.
type Appender interface{ AppendJSON(b []byte) []byte }

// Encode is JSON as the original writes it: <, > and & are not escaped.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// send writes the answer, once.
func (c *Call) send(r Response) {
	h := c.Header()
	for k, vs := range r.Header {
		h[http.CanonicalHeaderKey(k)] = vs
	}
	if h.Get("Content-Type") == "" && len(r.Body) > 0 {
		h.Set("Content-Type", c.api.svc.ContentType)
	}
	if r.Status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(r.Body)))
	}
	c.W.WriteHeader(r.Status)
	if c.R.Method != http.MethodHead && r.Status != http.StatusNoContent {
		_, _ = c.W.Write(r.Body)
	}
}

// drain lets the client finish sending a small body, so that it reads our answer.
func (a *API) drain(c *Call) { _ = c.readBody() }

// recorder remembers the status, for the log and to know whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file without copying it through this process.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if to, ok := r.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.CopyBuffer(struct{ io.Writer }{r.ResponseWriter}, src, make([]byte, 256<<10))
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
