package api

import (
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) revocationRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/OS-REVOKE/events", Status: 200,
			Rule: policy.Rule{Name: "identity:list_revoke_events", Check: "rule:service_or_admin", Scope: []string{"system", "project"}},
			Do:   httpapi.Get(a.listRevocations)},
		{Method: "GET", Path: "/OS-SIMPLE-CERT/ca", Status: 410, Public: true, Do: httpapi.Get(gonePKI)},
		{Method: "GET", Path: "/OS-SIMPLE-CERT/certificates", Status: 410, Public: true, Do: httpapi.Get(gonePKI)},
	}
}

func gonePKI(*httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, fault.Gone("This API is no longer available due to the removal of support for PKI tokens.")
}

func (a *API) listRevocations(c *httpapi.Call) (view, error) {
	var since time.Time
	if text := c.Query.Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fault.BadRequest("invalidate date format %s", text)
		}
	}
	rows, err := a.svc.Revocations(c.Ctx(), since)
	events := make([]view, len(rows))
	for i, r := range rows {
		events[i] = revocationView(r)
	}
	return view{"events": events, "links": view{"next": nil, "self": base(c, "OS-REVOKE/events"), "previous": nil}}, err
}

func revocationView(r keystone.Revocation) view {
	v := view{"issued_before": wireTime(r.IssuedBefore), "revoked_at": wireTime(r.RevokedAt)}
	for key, value := range map[string]string{"user_id": r.UserID, "project_id": r.ProjectID, "domain_id": r.DomainID, "audit_id": r.AuditID,
		"OS-TRUST:trust_id": r.TrustID, "OS-OAUTH1:consumer_id": r.ConsumerID} {
		if value != "" {
			v[key] = value
		}
	}
	return v
}
