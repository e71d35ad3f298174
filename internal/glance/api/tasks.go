package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/oslo/uuid"
)

func (a *API) taskRoutes() httpapi.Table {
	access := policy.Rule{Name: "tasks_api_access"}
	return httpapi.Table{
		{Method: "GET", Path: "/tasks", Status: 200, Rule: access, Do: httpapi.Get(a.listTasks)},
		{Method: "POST", Path: "/tasks", Status: 201, Rule: access, Do: httpapi.Get(a.createTask)},
		{Method: "GET", Path: "/tasks/{task_id}", Status: 200, Rule: access, Do: httpapi.Get(a.showTask)},
		{Method: "DELETE", Path: "/tasks/{task_id}", Status: 405, Rule: access, Do: httpapi.Get(deleteTask)},
	}
}

// taskRules are the one that guards all of the API of tasks and those asked besides.
var taskRules = []policy.Rule{
	{Name: "tasks_api_access", Check: "rule:context_is_admin", Scope: scope,
		Description: "This is a generic blanket policy for protecting all task APIs. It is not granular and will not allow you to separate writable and readable task operations into different roles.",
		Operations:  []string{"GET /v2/tasks/{task_id}", "GET /v2/tasks", "POST /v2/tasks", "DELETE /v2/tasks/{task_id}"}},
	{Name: "get_task", Check: "rule:default", Scope: scope, Description: "Get an image task.", Operations: []string{"GET /v2/tasks/{task_id}"}},
	{Name: "get_tasks", Check: "rule:default", Scope: scope, Description: "List tasks for all images.", Operations: []string{"GET /v2/tasks"}},
	{Name: "add_task", Check: "rule:default", Scope: scope, Description: "Create a task.", Operations: []string{"POST /v2/tasks"}},
	{Name: "modify_task", Check: "rule:default", Scope: scope, Description: "This policy is not used.", Operations: []string{"DELETE /v2/tasks/{task_id}"}},
}

// taskView is a task as clients see it; a list leaves the later fields out.
type taskView struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Status    string          `json:"status"`
	Owner     string          `json:"owner"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	ExpiresAt string          `json:"expires_at,omitempty"`
	Self      string          `json:"self"`
	Schema    string          `json:"schema"`
	Input     json.RawMessage `json:"input,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Message   *string         `json:"message,omitempty"`
	ImageID   string          `json:"image_id,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	UserID    string          `json:"user_id,omitempty"`
}

func newTaskStub(t glance.Task) taskView {
	v := taskView{ID: t.ID, Type: string(t.Type), Status: string(t.Status), Owner: t.Owner, CreatedAt: isoTime(t.CreatedAt),
		UpdatedAt: isoTime(t.UpdatedAt), Self: "/v2/tasks/" + t.ID, Schema: "/v2/schemas/task"}
	if t.ExpiresAt != nil {
		v.ExpiresAt = isoTime(*t.ExpiresAt)
	}
	return v
}

func newTaskView(t glance.Task) taskView {
	v := newTaskStub(t)
	v.Input, v.Result, v.Message = jsonOf(t.Input), jsonOf(t.Result), &t.Message
	v.ImageID, v.RequestID, v.UserID = t.ImageID, t.RequestID, t.UserID
	return v
}

// jsonOf is a JSON text, null for "".
func jsonOf(text string) json.RawMessage {
	if text == "" {
		text = "null"
	}
	return json.RawMessage(text)
}

// tasksView is a page of tasks.
type tasksView struct {
	Tasks  []taskView `json:"tasks"`
	First  string     `json:"first"`
	Schema string     `json:"schema"`
	Next   string     `json:"next,omitempty"`
}

func (a *API) listTasks(c *httpapi.Call) (tasksView, error) {
	params := parseParams(c.R.URL.RawQuery)
	v := tasksView{Tasks: []taskView{}, First: params.linkTo("/v2/tasks", ""), Schema: "/v2/schemas/tasks"}
	f, page, err := a.taskQuery(params.values, c.Query.Get("marker"))
	if err != nil || page.Limit == 0 {
		return v, err
	}
	if err := enforce(c, "get_tasks", policy.Target{}); err != nil {
		return v, err
	}
	found, err := a.svc.Tasks(c.Ctx(), f, page)
	for _, t := range found {
		v.Tasks = append(v.Tasks, newTaskStub(t))
	}
	if n := len(found); n > 0 && n == page.Limit {
		v.Next = params.linkTo("/v2/tasks", found[n-1].ID)
	}
	return v, err
}

var (
	taskStatuses = []string{"pending", "processing", "success", "failure"}
	taskFilters  = []string{"id", "type", "status", "owner", "image_id", "user_id", "request_id"}
	taskSorts    = append([]string{"created_at", "updated_at", "expires_at"}, taskFilters...)
)

// taskQuery reads which tasks a list is to have, and where it begins.
func (a *API) taskQuery(q map[string]string, marker string) (glance.TaskFilter, db.Page, error) {
	config := a.svc.Config()
	f, page := glance.TaskFilter{}, db.Page{Limit: config.LimitParamDefault, Marker: marker}
	key, dir := "created_at", "desc"
	for name, value := range q {
		var err error
		switch {
		case name == "sort_key":
			key = value
		case name == "sort_dir":
			if dir = value; dir != "asc" && dir != "desc" {
				err = fault.BadRequest("Invalid sort direction: %s", dir)
			}
		case name == "limit":
			page.Limit, err = taskLimit(value)
		case name == "status" && value != "" && !slices.Contains(taskStatuses, value):
			err = fault.BadRequest("Invalid status value: %s", value)
		case name == "type" && value != "" && value != string(glance.LegacyImport):
			err = fault.BadRequest("Invalid type value: %s", value)
		case slices.Contains(taskFilters, name):
			f[name] = value
		}
		if err != nil {
			return f, page, err
		}
	}
	if marker != "" && !uuid.Valid(marker) {
		return f, page, fault.BadRequest("Invalid marker format")
	}
	if !slices.Contains(taskSorts, key) {
		return f, page, fault.BadRequest("Sort key supplied was not valid.")
	}
	page.Limit = min(page.Limit, config.APILimitMax)
	for _, column := range []string{key, "created_at", "id"} {
		page.Sort = append(page.Sort, db.Sort{Column: column, Desc: dir == "desc"})
	}
	return f, page, nil
}

func taskLimit(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fault.BadRequest("limit param must be an integer")
	}
	if n < 0 {
		return 0, fault.BadRequest("limit param must be positive")
	}
	return n, nil
}

func (a *API) showTask(c *httpapi.Call) (taskView, error) {
	if err := enforce(c, "get_task", policy.Target{}); err != nil {
		return taskView{}, err
	}
	t, err := a.svc.Task(c.Ctx(), c.Param("task_id"))
	return newTaskView(t), err
}

// deleteTask refuses: tasks expire.
func deleteTask(*httpapi.Call) (httpapi.None, error) {
	f := fault.New(http.StatusMethodNotAllowed, "This operation is currently not permitted on Glance Tasks. "+
		"They are auto deleted after reaching the time based on their expires_at property.")
	return httpapi.None{}, f.With("Allow", "GET").As("bare")
}

// taskSchema is the document that new tasks are checked against.
var taskSchema = loadSchema(schemaText("task"))

// createdTask is a new task and where it is.
type createdTask struct {
	taskView
	base string
}

// Headers say where the task is.
func (v createdTask) Headers() http.Header {
	return http.Header{"Location": {v.base + v.Self}}
}

func (a *API) createTask(c *httpapi.Call) (createdTask, error) {
	v, err := body(c)
	if err != nil {
		return createdTask{}, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return createdTask{}, fault.BadRequest("Unexpected body type. Expected list/dict.")
	}
	req, err := a.taskOf(c, obj)
	if err != nil {
		return createdTask{}, err
	}
	if err := enforce(c, "add_task", policy.Target{}); err != nil {
		return createdTask{}, err
	}
	t, err := a.svc.CreateTask(c.Ctx(), req)
	return createdTask{newTaskView(t), c.BaseURL()}, err
}

// taskOf reads a task. What is wrong with its input is told by the task itself,
// as the original does, but for its URL.
func (a *API) taskOf(c *httpapi.Call, obj map[string]any) (req service.TaskRequest, err error) {
	for _, name := range []string{"type", "input"} {
		if _, ok := obj[name]; !ok {
			return req, fault.BadRequest("Task '%s' is required", name)
		}
	}
	if err := taskSchema.check(obj); err != nil {
		return req, err
	}
	input, _ := obj["input"].(map[string]any)
	req.Type = glance.TaskType(obj["type"].(string))
	req.ImageID, _ = input["image_id"].(string)
	if req.Input, err = json.Marshal(obj["input"]); err != nil {
		return req, err
	}
	if req.Type != glance.LegacyImport {
		req.Refusal = "Imports to images begin with POST /v2/images/{image_id}/import."
		return req, nil
	}
	if req.URI, err = a.importFrom(input["import_from"]); err != nil {
		return req, err
	}
	for _, name := range []string{"import_from", "import_from_format", "image_properties"} {
		if _, ok := input[name]; !ok {
			req.Refusal = "Input does not contain '" + name + "' field"
			return req, nil
		}
	}
	req.Image, err = a.describedImage(c, input["image_properties"])
	if f, ok := fault.Of(err); ok {
		req.Refusal, err = f.Message, nil
	}
	return req, err
}

// importFrom checks where a task wants to import from.
func (a *API) importFrom(v any) (string, error) {
	uri, _ := v.(string)
	switch {
	case uri == "":
		return "", fault.BadRequest("Invalid location: None")
	case strings.HasPrefix(uri, "file:///") || strings.HasPrefix(uri, "filesystem:///"):
		return "", fault.BadRequest("File based imports are not allowed. Please use a non-local source of image data.")
	case !strings.HasPrefix(uri, "http://") && !strings.HasPrefix(uri, "https://"):
		return "", fault.BadRequest("The given uri is not valid. Please specify a valid uri from the following list of supported uri ['http']")
	case !a.svc.AllowsURI(uri):
		return "", fault.BadRequest("URI for legacy import task does not pass filtering: %s", uri)
	}
	return uri, nil
}

// describedImage is an image as a task's input describes it.
func (a *API) describedImage(c *httpapi.Call, v any) (glance.Image, error) {
	obj, ok := v.(map[string]any)
	if !ok {
		return glance.Image{}, fault.BadRequest("image_properties is not an object")
	}
	img, err := a.imageWith(c, obj)
	if err == nil {
		err = mayAdd(c, img)
	}
	return img, err
}

// imageTaskView is a task as the list of an image's tasks has it.
type imageTaskView struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Status    string          `json:"status"`
	Owner     string          `json:"owner"`
	ExpiresAt *string         `json:"expires_at"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	DeletedAt *string         `json:"deleted_at"`
	Deleted   bool            `json:"deleted"`
	ImageID   string          `json:"image_id"`
	RequestID string          `json:"request_id"`
	UserID    string          `json:"user_id"`
	Input     json.RawMessage `json:"input"`
	Result    json.RawMessage `json:"result"`
	Message   string          `json:"message"`
}

type imageTasksView struct {
	Tasks []imageTaskView `json:"tasks"`
}

func (a *API) listImageTasks(c *httpapi.Call, img glance.Image) (imageTasksView, error) {
	v := imageTasksView{Tasks: []imageTaskView{}}
	found, err := a.svc.ImageTasks(c.Ctx(), img)
	for _, t := range found {
		row := imageTaskView{ID: t.ID, Type: string(t.Type), Status: string(t.Status), Owner: t.Owner, CreatedAt: microTime(t.CreatedAt),
			UpdatedAt: microTime(t.UpdatedAt), ImageID: t.ImageID, RequestID: t.RequestID, UserID: t.UserID,
			Input: jsonOf(t.Input), Result: jsonOf(t.Result), Message: t.Message}
		if t.ExpiresAt != nil {
			at := microTime(*t.ExpiresAt)
			row.ExpiresAt = &at
		}
		v.Tasks = append(v.Tasks, row)
	}
	return v, err
}

// microTime is how the tasks of an image tell times.
func microTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
