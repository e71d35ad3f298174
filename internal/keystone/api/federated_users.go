package api

import (
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

// userMember wraps a user, with as whom identity providers know it.
func (a *API) userMember(c *httpapi.Call, u keystone.User, v view) (view, error) {
	known, err := a.svc.FederatedIDs(c.Ctx(), u.ID)
	if len(known) > 0 {
		v["federated"] = federatedViews(known)
	}
	return member(c, "user", "users", v), err
}

// federatedViews groups rows, sorted by identity provider, by it.
func federatedViews(rows []keystone.FederatedUser) (views []view) {
	for _, f := range rows {
		p := view{"protocol_id": f.ProtocolID, "unique_id": f.UniqueID}
		if n := len(views); n > 0 && views[n-1]["idp_id"] == f.IDPID {
			views[n-1]["protocols"] = append(views[n-1]["protocols"].([]view), p)
			continue
		}
		views = append(views, view{"idp_id": f.IDPID, "protocols": []view{p}})
	}
	return views
}

// expiry is when the membership in a group ends, as the original writes it; nil is never.
func expiry(ends map[string]time.Time, group string) any {
	end, ok := ends[group]
	if !ok {
		return nil
	}
	return end.UTC().Format("2006-01-02T15:04:05.000000")
}
