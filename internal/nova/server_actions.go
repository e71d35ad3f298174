package nova

// Verb is an action on a server, spelled as in the API's sentences.
type Verb string

// The verbs that change a server's power.
const (
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"
	VerbReboot  Verb = "reboot"
	VerbPause   Verb = "pause"
	VerbUnpause Verb = "unpause"
	VerbSuspend Verb = "suspend"
	VerbResume  Verb = "resume"
)

// Transition is what a verb asks of a server's states and what it leads to.
type Transition struct {
	Verb  Verb
	From  []VMState   // nil: any
	Tasks []TaskState // task_states it may begin in
	Task  TaskState   // while it is on
	To    VMState
	Power PowerState
	Event string // the name of the step in the instance action
}

var (
	idle = []TaskState{NoTask}

	// Start boots a stopped server.
	Start = Transition{Verb: VerbStart, From: []VMState{Stopped}, Tasks: idle, Task: PoweringOn,
		To: Active, Power: PowerRunning, Event: "compute_start_instance"}
	// Stop shuts a server down.
	Stop = Transition{Verb: VerbStop, From: []VMState{Active, Errored}, Tasks: idle, Task: PoweringOff,
		To: Stopped, Power: PowerShutdown, Event: "compute_stop_instance"}
	// RebootSoft asks the guest to restart.
	RebootSoft = Transition{Verb: VerbReboot, From: []VMState{Active}, Tasks: idle, Task: Rebooting,
		To: Active, Power: PowerRunning, Event: "compute_reboot_instance"}
	// RebootHard cuts the power and starts again; it may also end a reboot that hangs.
	RebootHard = Transition{Verb: VerbReboot, From: []VMState{Active, Stopped, Paused, Suspended, Errored},
		Tasks: []TaskState{NoTask, Rebooting, RebootPending, RebootStarted, Resuming, Unpausing, Suspending},
		Task:  RebootingHard, To: Active, Power: PowerRunning, Event: "compute_reboot_instance"}
	// Pause stops the guest's processors.
	Pause = Transition{Verb: VerbPause, From: []VMState{Active}, Tasks: idle, Task: Pausing,
		To: Paused, Power: PowerPaused, Event: "compute_pause_instance"}
	// Unpause lets them run again.
	Unpause = Transition{Verb: VerbUnpause, From: []VMState{Paused}, Tasks: idle, Task: Unpausing,
		To: Active, Power: PowerRunning, Event: "compute_unpause_instance"}
	// Restart brings back a guest that its host lost while its server is active.
	Restart = Transition{Verb: VerbStart, From: []VMState{Active}, Tasks: idle, Task: PoweringOn,
		To: Active, Power: PowerRunning, Event: "compute_start_instance"}
	// Suspend saves the guest to disk and frees its memory.
	Suspend = Transition{Verb: VerbSuspend, From: []VMState{Active}, Tasks: idle, Task: Suspending,
		To: Suspended, Power: PowerSuspended, Event: "compute_suspend_instance"}
	// Resume continues a suspended guest.
	Resume = Transition{Verb: VerbResume, From: []VMState{Suspended}, Tasks: idle, Task: Resuming,
		To: Active, Power: PowerRunning, Event: "compute_resume_instance"}
)

// Refusal says which state of s forbids what needs the given states: the name
// of the attribute and its value, or "" and "" when nothing does. Nil lists
// allow everything.
func Refusal(s Server, from []VMState, tasks []TaskState, mustHaveLaunched bool) (attr, value string) {
	switch {
	case from != nil && !holds(from, s.VMState):
		return "vm_state", string(s.VMState)
	case tasks != nil && !holds(tasks, s.TaskState):
		return "task_state", string(s.TaskState)
	case mustHaveLaunched && s.LaunchedAt == nil:
		return "launched_at", "None"
	}
	return "", ""
}
