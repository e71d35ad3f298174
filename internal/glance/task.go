package glance

import (
	"errors"
	"time"
)

// TaskType says what a task does.
type TaskType string

// The types of tasks.
const (
	ImageImport    TaskType = "api_image_import" // brings bytes to an image: POST /v2/images/{id}/import
	LegacyImport   TaskType = "import"           // makes an image of what is at a URL: POST /v2/tasks
	LocationImport TaskType = "location_import"
)

// TaskStatus is the state of a task.
type TaskStatus string

// The states of a task: pending, then processing, then one of the others.
const (
	TaskPending    TaskStatus = "pending"
	TaskProcessing TaskStatus = "processing"
	TaskSuccess    TaskStatus = "success"
	TaskFailure    TaskStatus = "failure"
)

// Task is what clients see of work that outlives its request.
type Task struct {
	ID        string     `bun:"id,pk"`
	Type      TaskType   `bun:"type"`
	Status    TaskStatus `bun:"status"`
	Owner     string     `bun:"owner"`
	ImageID   string     `bun:"image_id"` // "" is none
	UserID    string     `bun:"user_id"`
	RequestID string     `bun:"request_id"`
	Input     string     `bun:"input"`   // JSON
	Result    string     `bun:"result"`  // JSON; "" is none yet
	Message   string     `bun:"message"` // how far it is, or why it failed
	ExpiresAt *time.Time `bun:"expires_at"`
	CreatedAt time.Time  `bun:"created_at"`
	UpdatedAt time.Time  `bun:"updated_at"`
	DeletedAt *time.Time `bun:"deleted_at"`
}

// Over reports whether nothing more becomes of the task.
func (t Task) Over() bool { return t.Status == TaskSuccess || t.Status == TaskFailure }

// TaskFilter narrows a list of tasks: the value wanted, by column.
type TaskFilter map[string]string

// ErrTaskOver is a task that nothing more becomes of.
var ErrTaskOver = errors.New("the task is over")

// Properties by which clients follow an import. Only the service sets them.
const (
	ImportTask        = "os_glance_import_task"         // ID of the task that has the image
	ImportingToStores = "os_glance_importing_to_stores" // still to come, joined by commas
	FailedImport      = "os_glance_failed_import"       // stores that got nothing, joined by commas
	StageHost         = "os_glance_stage_host"          // URL of the process that has the staged bytes
)
