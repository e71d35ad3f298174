package api

import (
	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// serverSecurityGroupRoutes list the groups of one server.
func (a *API) serverSecurityGroupRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/servers/{server_id}/os-security-groups", Status: 200,
			Rule: rule("os_compute_api:os-security-groups:list", reader), Do: httpapi.On(a.svc.Server, a.listServerGroups)},
	}
}

type securityGroupView struct {
	ID          string              `json:"id"`
	Description string              `json:"description"`
	Name        string              `json:"name"`
	TenantID    string              `json:"tenant_id"`
	Rules       []securityGroupRule `json:"rules"`
}

type securityGroupRule struct {
	ID       string         `json:"id"`
	ParentID string         `json:"parent_group_id"`
	Protocol *string        `json:"ip_protocol"`
	FromPort *int           `json:"from_port"`
	ToPort   *int           `json:"to_port"`
	Group    map[string]any `json:"group"`
	Range    map[string]any `json:"ip_range"`
}

func (a *API) listServerGroups(c *httpapi.Call, s nova.Server) (map[string][]securityGroupView, error) {
	found, err := a.svc.SecurityGroups(c.Ctx(), []nova.Server{s}, true)
	if err != nil {
		return nil, err
	}
	out := []securityGroupView{}
	for _, g := range found[s.ID] {
		v := securityGroupView{ID: g.ID, Description: g.Description, Name: g.Name, TenantID: g.ProjectID, Rules: []securityGroupRule{}}
		for _, r := range g.Rules {
			v.Rules = append(v.Rules, groupRule(g, r))
		}
		out = append(out, v)
	}
	return map[string][]securityGroupView{"security_groups": out}, nil
}

func groupRule(g nova.SecurityGroup, r nova.SecurityGroupRule) securityGroupRule {
	v := securityGroupRule{ID: r.ID, ParentID: g.ID, Protocol: orNil(r.Protocol), FromPort: r.FromPort, ToPort: r.ToPort,
		Group: map[string]any{}, Range: map[string]any{}}
	switch {
	case r.GroupName != "":
		v.Group = map[string]any{"name": r.GroupName, "tenant_id": r.GroupProject}
	default:
		v.Range = map[string]any{"cidr": r.CIDR}
	}
	return v
}
