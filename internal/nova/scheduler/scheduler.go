// Package scheduler chooses hosts. It is a pure function: a request and the
// hosts in, a ranking and an account of each refusal out. It asks nobody and
// remembers nothing, so that it can be tested with ten thousand hosts in memory.
//
// Resources are Placement's business: only hosts that Placement offers as
// candidates take part, and the claim that follows decides.
package scheduler

import (
	"math/rand/v2"
	"slices"
	"strings"

	"nacre/internal/nova"
)

// Request is what a server wishes of its host.
type Request struct {
	Zone      string // "": any
	Host      string // "": any
	Node      string
	Force     bool              // an administrator named the host: only what is impossible refuses it
	Hints     map[string]any    // os:scheduler_hints
	HostOf    map[string]string // where the servers named in hints are
	Avoid     []string          // hosts that were tried in vain
	Resources nova.Resources
}

// Host is a compute node that Placement offers.
type Host struct {
	Name       string
	Node       string
	ProviderID string
	Zone       string
	Up         bool
	Disabled   bool
	Reason     string // why it is disabled
	Type       string // of the hypervisor
	Building   int    // servers that are being built on it
	Capacity   map[string]nova.Capacity

	WaitsForPorts bool // it starts guests paused, to be let run when their ports are ACTIVE
}

// Account tells for every host that was looked at what spoke against it.
type Account struct {
	Hosts     int       `json:"hosts"`     // how many there are
	Offered   int       `json:"offered"`   // by Placement
	Accepted  int       `json:"accepted"`  // by every check
	Refusals  []Refusal `json:"refusals"`  // at most one a host: its first
	Truncated bool      `json:"truncated"` // more were refused than are listed
	Ranking   []string  `json:"ranking"`   // the best hosts, best first
}

// Refusal is one host that one check refused: host × check × wanted × had.
type Refusal struct {
	Host   string `json:"host"`
	Check  string `json:"check"`
	Wanted string `json:"wanted"`
	Had    string `json:"had"`
}

// maxRefusals bounds what an account keeps.
const maxRefusals = 200

// Refuse adds a refusal.
func (a *Account) Refuse(r Refusal) {
	if len(a.Refusals) >= maxRefusals {
		a.Truncated = true
		return
	}
	a.Refusals = append(a.Refusals, r)
}

// Ranked is how many hosts a ranking names.
const Ranked = 10

// Rank returns the best of the hosts that pass every check, best first, and the
// account. chance breaks ties, so that hosts alike fill up evenly; nil keeps
// the order.
func Rank(r Request, hosts []Host, chance *rand.Rand) ([]Host, Account) {
	account := Account{Offered: len(hosts)}
	accepted := make([]*Host, 0, len(hosts))
	for i := range hosts {
		if refusal, refused := firstRefusal(&r, &hosts[i]); refused {
			account.Refuse(refusal)
			continue
		}
		accepted = append(accepted, &hosts[i])
	}
	account.Accepted = len(accepted)
	var ranked []Host
	for _, h := range best(accepted, chance) {
		ranked = append(ranked, *h)
		account.Ranking = append(account.Ranking, h.Name)
	}
	return ranked, account
}

func firstRefusal(r *Request, h *Host) (Refusal, bool) {
	for _, c := range checks {
		if r.Force && !c.always {
			continue
		}
		if wanted, had, ok := c.passes(r, h); !ok {
			return Refusal{Host: h.Name, Check: c.name, Wanted: wanted, Had: had}, true
		}
	}
	return Refusal{}, false
}

// check is one filter. An always check holds for forced hosts too.
type check struct {
	name   string
	always bool
	passes func(r *Request, h *Host) (wanted, had string, ok bool)
}

var checks = []check{
	{"requested_host", true, requestedHost},
	{"tried_before", true, triedBefore},
	{"service_up", false, serviceUp},
	{"service_enabled", false, serviceEnabled},
	{"availability_zone", false, zone},
	{"same_host", false, sameHost},
	{"different_host", false, differentHost},
}

func requestedHost(r *Request, h *Host) (string, string, bool) {
	if r.Host != "" && r.Host != h.Name {
		return r.Host, h.Name, false
	}
	return r.Node, h.Node, r.Node == "" || r.Node == h.Node
}

func triedBefore(r *Request, h *Host) (string, string, bool) {
	return "a host not tried yet", "failed before", !slices.Contains(r.Avoid, h.Name)
}

func serviceUp(_ *Request, h *Host) (string, string, bool) { return "up", "down", h.Up }

func serviceEnabled(_ *Request, h *Host) (string, string, bool) {
	return "enabled", strings.TrimSuffix("disabled: "+h.Reason, ": "), !h.Disabled
}

func zone(r *Request, h *Host) (string, string, bool) {
	return r.Zone, h.Zone, r.Zone == "" || r.Zone == h.Zone
}

func sameHost(r *Request, h *Host) (string, string, bool) {
	ids := hinted(r.Hints["same_host"])
	for _, id := range ids {
		if r.HostOf[id] == h.Name {
			return "", "", true
		}
	}
	return "the host of " + strings.Join(ids, ", "), h.Name, len(ids) == 0
}

func differentHost(r *Request, h *Host) (string, string, bool) {
	for _, id := range hinted(r.Hints["different_host"]) {
		if r.HostOf[id] == h.Name {
			return "another host than that of " + id, h.Name, false
		}
	}
	return "", "", true
}

// Hinted lists the servers that the hints name.
func Hinted(hints map[string]any) []string {
	return append(hinted(hints["same_host"]), hinted(hints["different_host"])...)
}

// hinted is a hint that may be one ID or a list.
func hinted(v any) (ids []string) {
	switch t := v.(type) {
	case string:
		ids = append(ids, t)
	case []any:
		for _, e := range t {
			if s, ok := e.(string); ok {
				ids = append(ids, s)
			}
		}
	case []string:
		ids = t
	}
	return ids
}
