package keystone

import (
	"cmp"
	"strings"
)

// ActorKind and TargetKind say what the IDs of an assignment are of.
const (
	ActorUser     = "user"
	ActorGroup    = "group"
	TargetProject = "project"
	TargetDomain  = "domain"
	TargetSystem  = "system"
)

// SystemID is the target of grants on the whole cloud.
const SystemID = "system"

// Assignment grants a role to a user or group on a project, a domain or the
// system. An inherited one holds for the projects below its target, not for
// the target.
type Assignment struct {
	ActorKind  string `bun:"actor_kind,pk"`
	ActorID    string `bun:"actor_id,pk"`
	TargetKind string `bun:"target_kind,pk"`
	TargetID   string `bun:"target_id,pk"`
	RoleID     string `bun:"role_id,pk"`
	Inherited  bool   `bun:"inherited,pk"`
}

// Compare puts assignments in the order in which they are listed.
func (a Assignment) Compare(b Assignment) int {
	return cmp.Or(strings.Compare(a.ActorKind, b.ActorKind), strings.Compare(a.ActorID, b.ActorID), strings.Compare(a.TargetKind, b.TargetKind),
		strings.Compare(a.TargetID, b.TargetID), strings.Compare(a.RoleID, b.RoleID))
}

// AssignmentFilter selects assignments; empty fields select all.
type AssignmentFilter struct {
	UserID, GroupID, RoleID     string
	ProjectID, DomainID, System string
	Inherited                   *bool
	Subtree                     bool // also the projects below ProjectID
}

// Effective is what an assignment comes to for one user or group on one
// target. The other fields say where it comes from, when not from itself.
type Effective struct {
	Assignment
	ViaGroup   string // the user is a member of it
	ViaProject string // inherited from this ancestor
	ViaDomain  string // inherited from the domain
	ViaRole    string // implied by this role
}
