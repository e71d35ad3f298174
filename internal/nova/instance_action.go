package nova

import "time"

// InstanceAction is one thing that a caller asked of a server.
type InstanceAction struct {
	ID           string     `bun:"id,pk"`
	InstanceUUID string     `bun:"instance_uuid"`
	Action       string     `bun:"action"` // create, reboot, …
	RequestID    string     `bun:"request_id"`
	UserID       string     `bun:"user_id"`
	ProjectID    string     `bun:"project_id"`
	StartTime    time.Time  `bun:"start_time"`
	Message      *string    `bun:"message"` // "Error" after a failed event
	UpdatedAt    *time.Time `bun:"updated_at"`
}

// InstanceEvent is one step of an action.
type InstanceEvent struct {
	ID         string     `bun:"id,pk"`
	ActionID   string     `bun:"action_id"`
	Event      string     `bun:"event"` // compute__do_build_and_run_instance, …
	StartTime  time.Time  `bun:"start_time"`
	FinishTime *time.Time `bun:"finish_time"`
	Result     *string    `bun:"result"` // Success or Error
	Traceback  *string    `bun:"traceback"`
	Host       *string    `bun:"host"`
	Details    *string    `bun:"details"` // what the tenant may know of an error
}

// InstanceActionFilter narrows a list of actions; zero times are open ends.
type InstanceActionFilter struct {
	InstanceUUID  string
	ChangesSince  time.Time
	ChangesBefore time.Time
}
