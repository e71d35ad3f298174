package placement

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// host builds a provider; "below:PARENT" and trait and aggregate names follow.
func host(uuid string, inv map[string]int64, marks ...string) *ProviderState {
	p := &ProviderState{ResourceProvider: ResourceProvider{UUID: uuid, RootUUID: uuid, CreatedAt: time.Unix(0, 0)},
		Inventories: map[string]Inventory{}, Used: map[string]int64{}, Traits: map[string]bool{}, Aggregates: map[string]bool{}}
	for class, n := range inv {
		p.Inventories[class] = Inventory{Total: n, MinUnit: 1, MaxUnit: n, StepSize: 1, AllocationRatio: 1}
	}
	for _, m := range marks {
		if parent, ok := strings.CutPrefix(m, "below:"); ok {
			p.ParentUUID = &parent
			p.RootUUID, _, _ = strings.Cut(parent, "/")
		} else if strings.HasPrefix(m, "agg") {
			p.Aggregates[m] = true
		} else {
			p.Traits[m] = true
		}
	}
	return p
}

func world() *Snapshot {
	s := NewSnapshot()
	busy := host("busy", map[string]int64{"VCPU": 4, "DISK_GB": 10})
	busy.Used["VCPU"] = 4
	s.Put(host("a", map[string]int64{"VCPU": 4, "MEMORY_MB": 64, "DISK_GB": 10}, "SSD", "agg1"), busy,
		host("n", map[string]int64{"DISK_GB": 10}, "agg2"),
		host("n/1", map[string]int64{"VCPU": 2, "MEMORY_MB": 64}, "below:n", "AVX"), host("n/2", map[string]int64{"VCPU": 2, "MEMORY_MB": 32}, "below:n"),
		host("n/1/pf", map[string]int64{"VF": 4}, "below:n/1", "NET"), host("n/2/pf", map[string]int64{"VF": 4}, "below:n/2"),
		host("diskless", map[string]int64{"VCPU": 4}, "agg3"), host("nfs", map[string]int64{"DISK_GB": 1000}, SharingTrait, "agg3"))
	return s
}

func TestCandidates(t *testing.T) {
	s := world()
	plain := func(res map[string]int64) RequestGroup { return RequestGroup{Resources: res} }
	cpu := map[string]int64{"VCPU": 1}
	for name, tc := range map[string]struct {
		req  CandidateRequest
		want string
	}{
		"any CPU":            {CandidateRequest{Groups: []RequestGroup{plain(cpu)}}, "a | diskless | n/1 | n/2"},
		"limit":              {CandidateRequest{Limit: 2, Groups: []RequestGroup{plain(cpu)}}, "a | diskless"},
		"too much":           {CandidateRequest{Groups: []RequestGroup{plain(map[string]int64{"VCPU": 5})}}, ""},
		"shared disk":        {CandidateRequest{Groups: []RequestGroup{plain(map[string]int64{"VCPU": 3, "DISK_GB": 5})}}, "a | diskless nfs"},
		"only shared":        {CandidateRequest{Groups: []RequestGroup{plain(map[string]int64{"DISK_GB": 500})}}, "nfs"},
		"trait":              {CandidateRequest{Groups: []RequestGroup{{Resources: cpu, Filter: Filter{Required: [][]string{{"AVX", "SSD"}}}}}}, "a | n/1"},
		"forbidden":          {CandidateRequest{Groups: []RequestGroup{{Resources: cpu, Filter: Filter{Forbidden: []string{"SSD", "AVX"}}}}}, "diskless | n/2"},
		"aggregate by root":  {CandidateRequest{Groups: []RequestGroup{{Resources: cpu, Filter: Filter{MemberOf: [][]string{{"agg2"}}}}}}, "n/1 | n/2"},
		"suffixed is strict": {CandidateRequest{Groups: []RequestGroup{{Suffix: "1", Resources: cpu, Filter: Filter{MemberOf: [][]string{{"agg2"}}}}}}, ""},
		"not in aggregate":   {CandidateRequest{Groups: []RequestGroup{{Resources: cpu, Filter: Filter{NotMemberOf: []string{"agg1", "agg3"}}}}}, "n/1 | n/2"},
		"in tree":            {CandidateRequest{Groups: []RequestGroup{{Resources: cpu, Filter: Filter{InTree: "n/1"}}}}, "n/1 | n/2"},
		"root quality":       {CandidateRequest{RootRequired: []string{"SSD"}, Groups: []RequestGroup{plain(cpu)}}, "a"},
		"two groups": {CandidateRequest{Groups: []RequestGroup{{Suffix: "1", Resources: map[string]int64{"VCPU": 2}}, {Suffix: "2", Resources: map[string]int64{"VCPU": 2}}}},
			"a | diskless | n/1 n/2 | n/2 n/1"},
		"isolated": {CandidateRequest{Isolate: true, Groups: []RequestGroup{{Suffix: "1", Resources: cpu}, {Suffix: "2", Resources: cpu}}}, "n/1 n/2 | n/2 n/1"},
		"same subtree": {CandidateRequest{SameSubtree: [][]string{{"c", "v"}}, Groups: []RequestGroup{{Suffix: "c", Resources: cpu}, {Suffix: "v", Resources: map[string]int64{"VF": 1}}}},
			"n/1 n/1/pf | n/2 n/2/pf"},
		"flat":                {CandidateRequest{Flat: true, Groups: []RequestGroup{plain(cpu)}}, "a | diskless | n/1 | n/2"},
		"flat, two of a tree": {CandidateRequest{Flat: true, Groups: []RequestGroup{plain(map[string]int64{"VCPU": 2, "DISK_GB": 1})}}, "a | diskless nfs"},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := Candidates(s, tc.req)
			var got []string
			for _, c := range found {
				var providers []string
				for _, m := range c.Mappings {
					for _, p := range m.Providers {
						if !slices.Contains(providers, p) {
							providers = append(providers, p)
						}
					}
				}
				if tc.req.Groups[0].Suffix == "" {
					slices.Sort(providers)
				}
				got = append(got, strings.Join(providers, " "))
			}
			if tc.req.Limit == 0 {
				slices.Sort(got)
			}
			if g := strings.Join(got, " | "); g != tc.want {
				t.Errorf("got  %s\nwant %s", g, tc.want)
			}
		})
	}
}

// TestPutInAnyOrder builds the same snapshot from providers as they come.
func TestPutInAnyOrder(t *testing.T) {
	want := names(world())
	all := world().InOrder()
	for range 20 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s := NewSnapshot()
		for _, p := range all {
			s.Put(p)
		}
		s.Put(all...)
		if got := names(s); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func names(s *Snapshot) string {
	var out []string
	for _, p := range s.InOrder() {
		out = append(out, p.UUID)
	}
	for _, p := range s.sharing {
		out = append(out, p.UUID)
	}
	return strings.Join(out, " ")
}

func BenchmarkCandidates(b *testing.B) {
	s := NewSnapshot()
	var all []*ProviderState
	for i := range 10000 {
		all = append(all, host(fmt.Sprint(i), map[string]int64{"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000}))
	}
	s.Put(all...)
	req := CandidateRequest{Limit: 1000, Groups: []RequestGroup{{Resources: map[string]int64{"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}}}}
	for b.Loop() {
		Candidates(s, req)
	}
}
