package nova

import "strings"

// VMState is what a server is when nothing is going on.
type VMState string

// The vm_states.
const (
	Active           VMState = "active"
	Building         VMState = "building"
	Paused           VMState = "paused"
	Suspended        VMState = "suspended"
	Stopped          VMState = "stopped"
	Rescued          VMState = "rescued"
	Resized          VMState = "resized"
	SoftDeleted      VMState = "soft-delete"
	Deleted          VMState = "deleted"
	Errored          VMState = "error"
	Shelved          VMState = "shelved"
	ShelvedOffloaded VMState = "shelved_offloaded"
)

// TaskState is what is going on with a server; "" is nothing.
type TaskState string

// The task_states that this service moves servers through.
const (
	NoTask           TaskState = ""
	Scheduling       TaskState = "scheduling"
	BlockMapping     TaskState = "block_device_mapping"
	Networking       TaskState = "networking"
	Spawning         TaskState = "spawning"
	Rebooting        TaskState = "rebooting"
	RebootPending    TaskState = "reboot_pending"
	RebootStarted    TaskState = "reboot_started"
	RebootingHard    TaskState = "rebooting_hard"
	RebootPendHard   TaskState = "reboot_pending_hard"
	RebootStartHard  TaskState = "reboot_started_hard"
	Pausing          TaskState = "pausing"
	Unpausing        TaskState = "unpausing"
	Suspending       TaskState = "suspending"
	Resuming         TaskState = "resuming"
	PoweringOff      TaskState = "powering-off"
	PoweringOn       TaskState = "powering-on"
	Deleting         TaskState = "deleting"
	UpdatingPassword TaskState = "updating_password"
	Migrating        TaskState = "migrating"
	Rebuilding       TaskState = "rebuilding"
	RebuildBlock     TaskState = "rebuild_block_device_mapping"
	RebuildSpawning  TaskState = "rebuild_spawning"
	ResizePrep       TaskState = "resize_prep"
	ResizeMigrating  TaskState = "resize_migrating"
	ResizeMigrated   TaskState = "resize_migrated"
	ResizeFinish     TaskState = "resize_finish"
	ResizeReverting  TaskState = "resize_reverting"
)

// PowerState is what the hypervisor says of a guest, numbered as OS-EXT-STS:power_state.
type PowerState int

// The power states.
const (
	PowerNone      PowerState = 0
	PowerRunning   PowerState = 1
	PowerPaused    PowerState = 3
	PowerShutdown  PowerState = 4
	PowerCrashed   PowerState = 6
	PowerSuspended PowerState = 7
)

var baseStatus = map[VMState]string{
	Active: "ACTIVE", Building: "BUILD", Stopped: "SHUTOFF", Resized: "VERIFY_RESIZE", Paused: "PAUSED",
	Suspended: "SUSPENDED", Rescued: "RESCUE", Errored: "ERROR", Deleted: "DELETED", SoftDeleted: "SOFT_DELETED",
	Shelved: "SHELVED", ShelvedOffloaded: "SHELVED_OFFLOADED",
}

// taskStatus is the status while a task is on, by the vm_states it shows in.
var taskStatus = []struct {
	status string
	in     []VMState
	tasks  []TaskState
}{
	{"REBOOT", []VMState{Active}, []TaskState{Rebooting, RebootPending, RebootStarted}},
	{"HARD_REBOOT", []VMState{Active}, []TaskState{RebootingHard, RebootPendHard, RebootStartHard}},
	{"PASSWORD", []VMState{Active}, []TaskState{UpdatingPassword}},
	{"REBUILD", []VMState{Active, Stopped, Errored}, []TaskState{Rebuilding, RebuildBlock, RebuildSpawning}},
	{"MIGRATING", []VMState{Active, Paused}, []TaskState{Migrating}},
	{"RESIZE", []VMState{Active, Stopped}, []TaskState{ResizePrep, ResizeMigrating, ResizeMigrated, ResizeFinish}},
	{"REVERT_RESIZE", []VMState{Resized}, []TaskState{ResizeReverting}},
}

// Status is the word of the API for a server's states.
func (s Server) Status() string {
	for _, t := range taskStatus {
		if holds(t.in, s.VMState) && holds(t.tasks, s.TaskState) {
			return t.status
		}
	}
	if st, ok := baseStatus[s.VMState]; ok {
		return st
	}
	return "UNKNOWN"
}

// StatusFilter turns statuses (in any case) into the vm_states and
// task_states a server must have. known is false when none of them exists;
// tasks is nil when any task_state will do.
func StatusFilter(statuses []string) (vm []VMState, tasks []TaskState, known bool) {
	anyTask := false
	for _, want := range statuses {
		for state, name := range baseStatus {
			if strings.EqualFold(name, want) {
				vm, anyTask = append(vm, state), true
			}
		}
		for _, t := range taskStatus {
			if strings.EqualFold(t.status, want) {
				vm, tasks = append(vm, t.in...), append(tasks, t.tasks...)
			}
		}
	}
	if anyTask {
		tasks = nil
	}
	return vm, tasks, len(vm) > 0
}

func holds[T comparable](list []T, v T) bool {
	for _, have := range list {
		if have == v {
			return true
		}
	}
	return false
}
