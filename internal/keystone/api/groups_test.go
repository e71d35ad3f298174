package api_test

import (
	"strings"
	"testing"

	"nacre/internal/keystone"
)

// TestUsersOfGroupByDomain: who looks from a domain sees those of its users
// who are in the group, and no others.
func TestUsersOfGroupByDomain(t *testing.T) {
	p := newPeople(t)
	g, err := p.svc.CreateGroup(t.Context(), keystone.Attributes{"name": "g", "domain_id": p.domain})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{p.self, p.id(t, "users", "stranger")} {
		if err := p.svc.AddMember(t.Context(), keystone.Membership{UserID: user, GroupID: g.ID}); err != nil {
			t.Fatal(err)
		}
	}
	for who, want := range map[string]int{"d-reader": 1, "d-manager": 1, "s-reader": 2, "p-admin": 2} {
		if users := p.must(t, who, "GET", "/v3/groups/"+g.ID+"/users", "", 200)["users"].([]any); len(users) != want {
			t.Errorf("%s sees %d users, want %d", who, len(users), want)
		}
	}
}

// TestAbsentBeforeRule: where a rule asks nothing of a resource, everybody
// learns that there is none, whatever the body, as from the original.
func TestAbsentBeforeRule(t *testing.T) {
	p := newPeople(t)
	for _, call := range []string{"GET roles", "PATCH roles", "DELETE roles", "PATCH domains", "DELETE domains", "GET endpoints", "PATCH endpoints",
		"DELETE endpoints", "DELETE groups", "PATCH limits", "DELETE limits"} {
		method, collection, _ := strings.Cut(call, " ")
		for _, who := range []string{"d-reader", "s-reader", "p-reader", "p-admin"} {
			if w := p.do(who, method, "/v3/"+collection+"/nosuch", `{"`+strings.TrimSuffix(collection, "s")+`": {}}`); w.Code != 404 {
				t.Errorf("%s/nosuch as %s: %d %s", call, who, w.Code, w.Body)
			}
		}
	}
}
