package scheduler

import (
	"cmp"
	"slices"

	"nacre/internal/nova"
)

// weigher says how good a host is by one measure; the measures are brought to
// 0…1 over all hosts before they are added up.
type weigher struct {
	times float64
	value func(Host) float64
}

var weighers = []weigher{
	{1, func(h Host) float64 { return free(h, nova.ClassMemory) }},
	{1, func(h Host) float64 { return free(h, nova.ClassVCPU) }},
	{1, func(h Host) float64 { return free(h, nova.ClassDisk) }},
	{-1, func(h Host) float64 { return float64(h.Building) }},
}

func free(h Host, class string) float64 { return float64(h.Capacity[class].Free()) }

// weigh sorts hosts, best first; equals keep their order.
func weigh(hosts []Host) {
	scores := make([]float64, len(hosts))
	for _, w := range weighers {
		add(scores, hosts, w)
	}
	order := make([]int, len(hosts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	sorted := make([]Host, len(hosts))
	for i, j := range order {
		sorted[i] = hosts[j]
	}
	copy(hosts, sorted)
}

func add(scores []float64, hosts []Host, w weigher) {
	if len(hosts) == 0 {
		return
	}
	values := make([]float64, len(hosts))
	for i, h := range hosts {
		values[i] = w.value(h)
	}
	low, high := slices.Min(values), slices.Max(values)
	if high == low {
		return
	}
	for i, v := range values {
		scores[i] += w.times * (v - low) / (high - low)
	}
}
