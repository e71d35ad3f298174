package scheduler

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"nacre/internal/nova"
)

// weigher says how good a host is by one measure; the measures are brought to
// 0…1 over all hosts before they are added up.
type weigher struct {
	times float64
	value func(*Host) float64
}

var weighers = []weigher{
	{1, func(h *Host) float64 { return free(h, nova.ClassMemory) }},
	{1, func(h *Host) float64 { return free(h, nova.ClassVCPU) }},
	{1, func(h *Host) float64 { return free(h, nova.ClassDisk) }},
	{-1, func(h *Host) float64 { return float64(h.Building) }},
}

func free(h *Host, class string) float64 { return float64(h.Capacity[class].Free()) }

// scored is a host with what it weighs; ties go to the lower rank.
type scored struct {
	host  *Host
	score float64
	rank  uint64
}

func (a scored) compare(b scored) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.rank, b.rank))
}

// best gives the Ranked best hosts, best first.
func best(hosts []*Host, chance *rand.Rand) []*Host {
	scores := make([]float64, len(hosts))
	values := make([]float64, len(hosts))
	for _, w := range weighers {
		add(scores, values, hosts, w)
	}
	top := make([]scored, 0, Ranked+1)
	for i, h := range hosts {
		s := scored{h, scores[i], uint64(i)}
		if chance != nil {
			s.rank = chance.Uint64()
		}
		if len(top) == Ranked && s.compare(top[Ranked-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, s, scored.compare)
		top = slices.Insert(top, at, s)
		top = top[:min(len(top), Ranked)]
	}
	out := make([]*Host, len(top))
	for i, s := range top {
		out[i] = s.host
	}
	return out
}

// add adds what one measure says to the scores; values is room to work in.
func add(scores, values []float64, hosts []*Host, w weigher) {
	if len(hosts) == 0 {
		return
	}
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
