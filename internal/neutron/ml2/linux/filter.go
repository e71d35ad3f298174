package linux

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netns"

	"nacre/internal/neutron/rpcapi"
)

// The mark of a packet on a bridge of ours says which port it came from (high
// half) and which it goes to (low half). It is set in family bridge, where
// ports are seen but connections are not, and judged in family inet, where it
// is the other way round. Both judge: first the sender's, then the receiver's rules.
const (
	trustedMark = 0x7fff // interfaces of ours, and ports without port security
	fromMask    = 0x7fff0000
	toMask      = 0x00007fff
)

const (
	bridgeTable = "bridge nacre_ports"
	inetTable   = "inet nacre_ports"
	natTable    = "ip nacre_masquerade"
)

// guard is a port with security groups as the filters see it.
type guard struct {
	port     rpcapi.Port
	zone     uint16
	sources  []source
	stateful bool
	rules    []filterRule
	text     []string // all rules that concern it, to see changes
}

// filters keeps the host's tables and remembers what is in them.
type filters struct {
	host    netns.NsHandle
	record  string // path
	applied ruleset
	gen     uint32
	guards  map[string]guard    // by port, as applied
	members map[string]*members // by set, as rendered last
}

func newFilters(host netns.NsHandle, record string) *filters {
	return &filters{host: host, record: record}
}

// applyFilters puts the filters of all ports in place, those without a tap too.
func (r *round) applyFilters(ctx context.Context) {
	ports, networks := r.ids()
	if err := r.numbers.keep(ports, networks); err != nil {
		r.failed("host", "numbers", err)
	}
	next, guards := r.render()
	stands, err := r.filters.commit(ctx, next, r.full)
	if err != nil {
		r.failed("host", "filters", err)
	}
	r.filtered = stands
	if !stands {
		return
	}
	if err := r.cutFlows(guards); err != nil {
		r.failed("host", "flows", err)
		return
	}
	r.filters.guards = guards
}

func (r *round) ids() (ports, networks []string) {
	for _, p := range r.want.Ports {
		ports = append(ports, p.ID)
	}
	for _, n := range r.want.Networks {
		networks = append(networks, n.ID)
	}
	return ports, networks
}

// rendering is a ruleset being written.
type rendering struct {
	*round
	bridge, inet   *table
	from, to       *nftMap // interface → its chain
	judgeF, judgeT *nftMap // mark → its chain
	groups         map[string][]filterRule
	stateless      map[string]bool
	guards         map[string]guard
	members        map[string]*members
	versions       map[string][]string // by group: of the sets that its rules refer to
}

// render writes both tables for the wanted state.
func (r *round) render() (ruleset, map[string]guard) {
	w := &rendering{round: r, bridge: newTable(), inet: newTable(),
		groups: map[string][]filterRule{}, stateless: map[string]bool{}, guards: map[string]guard{},
		members: map[string]*members{}, versions: map[string][]string{}}
	w.frame()
	for _, g := range r.want.SecurityGroups {
		w.group(g)
	}
	for _, n := range r.want.Networks {
		w.networkBridge(n)
	}
	for _, name := range r.trustedLinks() {
		w.trust(name)
	}
	for _, p := range r.want.Ports {
		w.port(p)
	}
	r.filters.members = w.members
	return ruleset{bridgeTable: w.bridge, inetTable: w.inet, natTable: w.masquerade()}, w.guards
}

// frame is what does not depend on ports.
func (w *rendering) frame() {
	w.from = w.bridge.verdicts("from", "type ifname : verdict;")
	w.to = w.bridge.verdicts("to", "type ifname : verdict;")
	w.bridge.base("forward", "{ type filter hook forward priority -300; policy accept; }",
		"iifname vmap @from", "oifname vmap @to")
	w.bridge.set("own", "type ifname;")
	w.bridge.base("input", "{ type filter hook input priority -300; policy accept; }", "iifname @own drop")
	w.bridge.base("output", "{ type filter hook output priority -300; policy accept; }", "oifname @own drop")
	w.bridge.add("trusted_from", fmt.Sprintf("meta mark set 0x%08x", trustedMark<<16))
	w.bridge.add("trusted_to", fmt.Sprintf("meta mark set meta mark or 0x%08x", trustedMark))
	w.bridge.add("nothing", "drop")

	w.judgeF = w.inet.verdicts("from", "type mark : verdict;")
	w.judgeT = w.inet.verdicts("to", "type mark : verdict;")
	w.inet.set("bridges", "type ifname;")
	zones := w.inet.verdicts("zones", "typeof iifname : ct zone;")
	for _, n := range w.want.Networks {
		zones.elements[quote(n.Bridge)] = fmt.Sprint(w.numbers.Zones[n.ID])
	}
	w.inet.base("zone", "{ type filter hook prerouting priority -450; policy accept; }", "ct zone set iifname map @zones")
	w.inet.base("forward_from", "{ type filter hook forward priority 0; policy accept; }",
		fmt.Sprintf("iifname @bridges meta mark & 0x%08x vmap @from", fromMask), "iifname @bridges drop")
	w.inet.base("forward_to", "{ type filter hook forward priority 1; policy accept; }",
		fmt.Sprintf("iifname @bridges meta mark & 0x%08x vmap @to", toMask), "iifname @bridges drop")
	w.inet.base("forward_end", "{ type filter hook forward priority 2; policy accept; }", "iifname @bridges meta mark set 0")
	w.inet.base("input", "{ type filter hook input priority 0; policy accept; }", "iifname @bridges drop")
	w.judgeF.elements[fmt.Sprintf("0x%08x", trustedMark<<16)] = "accept"
	w.judgeT.elements[fmt.Sprintf("0x%08x", trustedMark)] = "accept"
}

func (w *rendering) networkBridge(n rpcapi.Network) {
	w.inet.maps["bridges"].elements[quote(n.Bridge)] = ""
}

// trust lets an interface of ours send and hear everything.
func (w *rendering) trust(name string) {
	w.from.elements[quote(name)] = "jump trusted_from"
	w.to.elements[quote(name)] = "jump trusted_to"
	w.bridge.maps["own"].elements[quote(name)] = ""
}

// group writes the chains of a security group, shared by all its ports.
func (w *rendering) group(g rpcapi.SecurityGroup) {
	w.stateless[g.ID] = !g.Stateful
	in, out := groupChains(g.ID)
	w.inet.add(in)
	w.inet.add(out)
	for _, rule := range g.Rules {
		f, err := w.rule(rule)
		if err != nil {
			w.failed("security_group", g.ID, err)
			continue
		}
		if f.set != "" {
			w.versions[g.ID] = append(w.versions[g.ID], fmt.Sprint(f.set, w.members[f.set].version))
		}
		w.groups[g.ID] = append(w.groups[g.ID], f)
		if match, ok := f.match(); ok {
			w.inet.add(pick(f.ingress, in, out), match+" accept")
		}
	}
	for _, c := range []string{in, out} { // members of a group make many rules that say the same
		slices.Sort(w.inet.chains[c].rules)
		w.inet.chains[c].rules = slices.Compact(w.inet.chains[c].rules)
	}
}

func groupChains(id string) (in, out string) { return "sg-" + id + "-in", "sg-" + id + "-out" }

// port writes a guest's chains. A port that is down, or whose addresses make
// no sense, says and hears nothing.
func (w *rendering) port(p rpcapi.Port) {
	tap := quote(p.Tap)
	w.bridge.maps["own"].elements[tap] = ""
	w.from.elements[tap], w.to.elements[tap] = "jump nothing", "jump nothing"
	mark, ok := w.numbers.Marks[p.ID]
	srcs, err := sources(p)
	switch {
	case !ok:
		w.failed("port", p.ID, fmt.Errorf("more than %d ports on this host", trustedMark-1))
	case err != nil:
		w.failed("port", p.ID, err)
	case !p.AdminStateUp:
	case !p.PortSecurity:
		w.from.elements[tap], w.to.elements[tap] = "jump trusted_from", "jump trusted_to"
	default:
		w.guardPort(p, srcs, uint32(mark))
	}
}

func (w *rendering) guardPort(p rpcapi.Port, srcs []source, mark uint32) {
	from, to := "from-"+p.ID, "to-"+p.ID
	w.from.elements[quote(p.Tap)], w.to.elements[quote(p.Tap)] = "jump "+from, "jump "+to
	w.bridge.add(from, spoofRules(srcs, mark<<16)...)
	w.bridge.add(to, hearRules(srcs, mark)...)
	w.judgeF.elements[fmt.Sprintf("0x%08x", mark<<16)] = "jump " + from
	w.judgeT.elements[fmt.Sprintf("0x%08x", mark)] = "jump " + to

	g := guard{port: p, zone: w.numbers.Zones[p.NetworkID], sources: srcs, stateful: true}
	for _, id := range p.SecurityGroups {
		g.stateful = g.stateful && !w.stateless[id]
	}
	if g.stateful {
		w.inet.add(from, stateRules...)
		w.inet.add(to, stateRules...)
	}
	w.inet.add(from, alwaysOut...)
	w.inet.add(to, alwaysIn...)
	for _, id := range p.SecurityGroups {
		in, out := groupChains(id)
		if w.inet.chains[in] == nil {
			w.failed("port", p.ID, fmt.Errorf("security group %s is unknown", id))
			continue
		}
		w.inet.add(from, "jump "+out)
		w.inet.add(to, "jump "+in)
		g.rules = append(g.rules, w.groups[id]...)
		g.text = append(append(g.text, w.inet.chains[in].rules...), w.inet.chains[out].rules...)
		g.text = append(g.text, w.versions[id]...)
	}
	w.inet.add(from, "drop")
	w.inet.add(to, "drop")
	w.guards[p.ID] = g
}

func quote(name string) string { return `"` + name + `"` }

// commit brings the tables from what was applied to next, in one transaction,
// and says whether they stand. What stands since before a restart is left as it
// is. If the kernel refuses, the security groups it
// refuses are emptied (nothing passes) and the rest is applied.
func (f *filters) commit(ctx context.Context, next ruleset, full bool) (stands bool, err error) {
	if full && f.gen != generation(f.host) {
		f.applied = nil
	}
	if f.applied == nil && next.stand(f.host, f.record) {
		f.applied, f.gen = next, generation(f.host)
	}
	script := next.script(f.applied)
	if script == "" {
		return true, nil
	}
	if err = runNft(ctx, f.host, script); err != nil {
		f.applied = nil
		f.emptyRefused(ctx, next)
		if again := runNft(ctx, f.host, next.script(nil)); again != nil {
			return false, fmt.Errorf("apply filters: %w", again)
		}
		err = fmt.Errorf("some security groups may let nothing pass: %w", err)
	}
	f.applied, f.gen = next, generation(f.host)
	return true, errors.Join(err, next.remember(f.host, f.record))
}

// emptyRefused tries each security group's chains alone.
func (f *filters) emptyRefused(ctx context.Context, next ruleset) {
	sets := map[string]*nftMap{}
	for name := range f.members {
		sets[name] = next[inetTable].maps[name]
	}
	for name, c := range next[inetTable].chains {
		if !strings.HasPrefix(name, "sg-") || len(c.rules) == 0 {
			continue
		}
		alone := ruleset{inetTable + "_try": {chains: map[string]*chain{name: c}, maps: sets}}
		if runNft(ctx, f.host, alone.script(nil), "--check") != nil {
			c.rules = nil
		}
	}
}
