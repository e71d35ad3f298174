package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"nacre/internal/nova"
)

func host(name string, change func(*Host)) Host {
	h := Host{Name: name, Node: name, Zone: "nova", Up: true, Capacity: map[string]nova.Capacity{
		nova.ClassVCPU: {Total: 8, Ratio: 1}, nova.ClassMemory: {Total: 1000, Ratio: 1}, nova.ClassDisk: {Total: 100, Ratio: 1}}}
	if change != nil {
		change(&h)
	}
	return h
}

func names(hosts []Host) []string {
	out := []string{}
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return out
}

func TestChecks(t *testing.T) {
	hosts := []Host{
		host("a", nil),
		host("down", func(h *Host) { h.Up = false }),
		host("off", func(h *Host) { h.Disabled, h.Reason = true, "repair" }),
		host("far", func(h *Host) { h.Zone = "z2" }),
	}
	for name, tc := range map[string]struct {
		r    Request
		want []string
		why  Refusal // one of the account's
	}{
		"any":            {Request{}, []string{"a", "far"}, Refusal{"off", "service_enabled", "enabled", "disabled: repair"}},
		"zone":           {Request{Zone: "z2"}, []string{"far"}, Refusal{"a", "availability_zone", "z2", "nova"}},
		"host":           {Request{Host: "a"}, []string{"a"}, Refusal{"far", "requested_host", "a", "far"}},
		"node":           {Request{Node: "far"}, []string{"far"}, Refusal{"a", "requested_host", "far", "a"}},
		"forced":         {Request{Host: "off", Force: true}, []string{"off"}, Refusal{"a", "requested_host", "off", "a"}},
		"tried":          {Request{Avoid: []string{"a"}}, []string{"far"}, Refusal{"a", "tried_before", "a host not tried yet", "failed before"}},
		"same host":      {Request{Hints: map[string]any{"same_host": "s1"}, HostOf: map[string]string{"s1": "far"}}, []string{"far"}, Refusal{"a", "same_host", "the host of s1", "a"}},
		"different host": {Request{Hints: map[string]any{"different_host": []any{"s1"}}, HostOf: map[string]string{"s1": "far"}}, []string{"a"}, Refusal{"far", "different_host", "another host than that of s1", "far"}},
		"none":           {Request{Zone: "z3"}, []string{}, Refusal{"down", "service_up", "up", "down"}},
	} {
		got, account := Rank(tc.r, hosts, nil)
		if !slices.Equal(names(got), tc.want) || !slices.Contains(account.Refusals, tc.why) || account.Accepted != len(tc.want) || account.Offered != 4 {
			t.Errorf("%s: %v, account %+v", name, names(got), account)
		}
	}
}

func TestWeights(t *testing.T) {
	use := func(class string, n int) func(*Host) {
		return func(h *Host) { c := h.Capacity[class]; c.Used = n; h.Capacity[class] = c }
	}
	hosts := []Host{host("full", use(nova.ClassMemory, 900)), host("half", use(nova.ClassMemory, 500)), host("empty", nil),
		host("busy", func(h *Host) { h.Building = 3 })}
	got, account := Rank(Request{}, hosts, rand.New(rand.NewPCG(1, 2)))
	if !slices.Equal(names(got)[:2], []string{"empty", "half"}) {
		t.Errorf("order is %v", names(got))
	}
	if account.Ranking[0] != "empty" {
		t.Errorf("ranking is %v", account.Ranking)
	}
}

// The account of a large cloud stays small.
func TestAccountIsBounded(t *testing.T) {
	hosts := make([]Host, 10_000)
	for i := range hosts {
		hosts[i] = host(fmt.Sprint("h", i), func(h *Host) { h.Up = false })
	}
	_, account := Rank(Request{}, hosts, nil)
	if len(account.Refusals) != maxRefusals || !account.Truncated || account.Offered != 10_000 {
		t.Errorf("%d refusals, truncated %v", len(account.Refusals), account.Truncated)
	}
}

func BenchmarkRank(b *testing.B) {
	hosts := make([]Host, 10_000)
	for i := range hosts {
		hosts[i] = host(fmt.Sprint("h", i), func(h *Host) { h.Building = i % 7 })
	}
	chance := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		Rank(Request{Zone: "nova"}, hosts, chance)
	}
}
