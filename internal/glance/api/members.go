package api

import (
	"context"
	"errors"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) memberRoutes() httpapi.Table {
	find := a.missing("Image %s not found.")
	return httpapi.Table{
		{Method: "GET", Path: "/images/{image_id}/members", Status: 200,
			Rule: policy.Rule{Name: "get_members", Check: ownMembers, Scope: scope},
			Do:   httpapi.On(find, a.listMembers)},
		{Method: "POST", Path: "/images/{image_id}/members", Status: 200,
			Rule: policy.Rule{Name: "add_member", Check: ownImage, Scope: scope},
			Do:   httpapi.OnCall(after(memberOf, find), a.addMember)},
		{Method: "GET", Path: "/images/{image_id}/members/{member_id}", Status: 200,
			Rule: policy.Rule{Name: "get_member", Check: ownMembers, Scope: scope},
			Do:   httpapi.On(find, a.showMember)},
		{Method: "PUT", Path: "/images/{image_id}/members/{member_id}", Status: 200,
			Rule: policy.Rule{Name: "modify_member", Check: "rule:context_is_admin or (role:member and project_id:%(member_id)s)", Scope: scope},
			Do:   httpapi.OnCall(after(statusOf, find), a.answerMember)},
		{Method: "DELETE", Path: "/images/{image_id}/members/{member_id}", Status: 204,
			Rule: policy.Rule{Name: "delete_member", Check: ownImage, Scope: scope},
			Do:   httpapi.On(find, a.deleteMember)},
	}
}

// after finds the image of a call once its body was looked at.
func after(read func(*httpapi.Call) (string, error), find func(context.Context, string) (glance.Image, error)) func(*httpapi.Call) (glance.Image, error) {
	return func(c *httpapi.Call) (glance.Image, error) {
		if _, err := read(c); err != nil {
			return glance.Image{}, err
		}
		return find(c.Ctx(), c.Param("image_id"))
	}
}

type memberView struct {
	MemberID  string `json:"member_id"`
	ImageID   string `json:"image_id"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	Schema    string `json:"schema"`
}

func newMemberView(m glance.Member) memberView {
	return memberView{m.Project, m.ImageID, m.Status, isoTime(m.CreatedAt), isoTime(m.UpdatedAt), "/v2/schemas/member"}
}

type membersView struct {
	Members []memberView `json:"members"`
	Schema  string       `json:"schema"`
}

func (a *API) listMembers(c *httpapi.Call, img glance.Image) (membersView, error) {
	view := membersView{Members: []memberView{}, Schema: "/v2/schemas/members"}
	members, err := a.svc.Members(c.Ctx(), img)
	if errors.Is(err, service.ErrNotShared) {
		return view, fault.Forbidden("Not allowed to list members for image %s: Only shared images have members.", img.ID)
	}
	for _, m := range members {
		view.Members = append(view.Members, newMemberView(m))
	}
	return view, err
}

func (a *API) addMember(c *httpapi.Call, img glance.Image) (memberView, error) {
	project, err := memberOf(c)
	if err != nil {
		return memberView{}, err
	}
	m, err := a.svc.AddMember(c.Ctx(), img, project)
	return newMemberView(m), notShared(err, "create", img)
}

// notShared words that only shared images have members.
func notShared(err error, verb string, img glance.Image) error {
	if errors.Is(err, service.ErrNotShared) {
		return fault.Forbidden("Not allowed to %s members for image %s.", verb, img.ID)
	}
	return err
}

func memberOf(c *httpapi.Call) (string, error) {
	v, err := body(c)
	if err != nil {
		return "", err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return "", fault.BadRequest(`Expected a member in the form: {"member": "image_id"}`)
	}
	member, ok := obj["member"]
	if !ok {
		return "", fault.BadRequest("Member to be added not specified")
	}
	project, ok := member.(string)
	if !ok && member != nil {
		return "", fault.BadRequest(`Expected a member in the form: {"member": "image_id"}`)
	}
	if project == "" {
		return "", fault.BadRequest("Member can't be empty")
	}
	if len(project) > 255 {
		return "", fault.BadRequest("Member can't be longer than 255 characters")
	}
	return project, nil
}

func (a *API) showMember(c *httpapi.Call, img glance.Image) (memberView, error) {
	m, err := a.svc.Member(c.Ctx(), img, c.Param("member_id"))
	if errors.Is(err, service.ErrNotShared) {
		err = fault.NotFound("Only shared images have members.")
	}
	return newMemberView(m), err
}

func (a *API) answerMember(c *httpapi.Call, img glance.Image) (memberView, error) {
	status, err := statusOf(c)
	if err != nil {
		return memberView{}, err
	}
	m, err := a.svc.Member(c.Ctx(), img, c.Param("member_id"))
	if err != nil {
		return memberView{}, notShared(err, "update", img)
	}
	m, err = a.svc.AnswerMember(c.Ctx(), m, status)
	return newMemberView(m), err
}

func statusOf(c *httpapi.Call) (string, error) {
	v, err := body(c)
	if err != nil {
		return "", err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return "", fault.BadRequest(`Expected a status in the form: {"status": "status"}`)
	}
	status, ok := obj["status"]
	if !ok {
		return "", fault.BadRequest("Status not specified")
	}
	text, _ := status.(string)
	return text, nil
}

func (a *API) deleteMember(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	m, err := a.svc.Member(c.Ctx(), img, c.Param("member_id"))
	if err == nil {
		err = a.svc.DeleteMember(c.Ctx(), m)
	}
	return httpapi.None{}, notShared(err, "delete", img)
}
