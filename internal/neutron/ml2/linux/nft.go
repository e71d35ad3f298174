package linux

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ruleset is a set of nftables tables, by "family name".
type ruleset map[string]*table

type table struct {
	chains map[string]*chain
	maps   map[string]*nftMap
}

// chain has rules in nft's words; a base chain says in hook where it hangs.
type chain struct {
	hook  string
	rules []string
}

// nftMap is a named map, or a set when the elements have no values.
type nftMap struct {
	kind     string            // "map" or "set"
	spec     string            // "type ifname : verdict;"
	elements map[string]string // key → value
}

func newTable() *table { return &table{chains: map[string]*chain{}, maps: map[string]*nftMap{}} }

func (t *table) add(name string, rules ...string) {
	c := t.chains[name]
	if c == nil {
		c = &chain{}
		t.chains[name] = c
	}
	c.rules = append(c.rules, rules...)
}

func (t *table) base(name, hook string, rules ...string) {
	t.chains[name] = &chain{hook: hook, rules: rules}
}

func (t *table) verdicts(name, spec string) *nftMap {
	m := &nftMap{kind: "map", spec: spec, elements: map[string]string{}}
	t.maps[name] = m
	return m
}

func (t *table) set(name, spec string) *nftMap {
	m := &nftMap{kind: "set", spec: spec, elements: map[string]string{}}
	t.maps[name] = m
	return m
}

// script turns old into next in one transaction. Without old the tables are
// made anew, whatever stands there. "" means that nothing differs.
func (next ruleset) script(old ruleset) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(next)) {
		was := old[name]
		if was == nil {
			fmt.Fprintf(&b, "add table %s\ndelete table %s\nadd table %s\n", name, name, name)
			was = newTable()
		}
		next[name].write(&b, name, was)
	}
	return b.String()
}

// write goes from what others need to what needs others: chains, maps, rules,
// elements; then away with what nobody needs any more.
func (t *table) write(b *strings.Builder, name string, was *table) {
	for _, c := range slices.Sorted(maps.Keys(t.chains)) {
		if was.chains[c] == nil {
			fmt.Fprintf(b, "add chain %s %s %s\n", name, c, t.chains[c].hook)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(t.maps)) {
		if was.maps[m] == nil {
			fmt.Fprintf(b, "add %s %s %s { %s }\n", t.maps[m].kind, name, m, t.maps[m].spec)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(t.chains)) {
		t.chains[c].write(b, name+" "+c, was.chains[c])
	}
	for _, m := range slices.Sorted(maps.Keys(t.maps)) {
		t.maps[m].write(b, name+" "+m, was.maps[m])
	}
	t.removeChains(b, name, was)
	for _, m := range slices.Sorted(maps.Keys(was.maps)) {
		if t.maps[m] == nil {
			fmt.Fprintf(b, "delete %s %s %s\n", was.maps[m].kind, name, m)
		}
	}
}

func (t *table) removeChains(b *strings.Builder, name string, was *table) {
	var gone []string
	for _, c := range slices.Sorted(maps.Keys(was.chains)) {
		if t.chains[c] == nil {
			gone = append(gone, c)
			fmt.Fprintf(b, "flush chain %s %s\n", name, c)
		}
	}
	for _, c := range gone {
		fmt.Fprintf(b, "delete chain %s %s\n", name, c)
	}
}

func (c *chain) write(b *strings.Builder, name string, was *chain) {
	if was != nil && slices.Equal(was.rules, c.rules) {
		return
	}
	if was != nil {
		fmt.Fprintf(b, "flush chain %s\n", name)
	}
	for _, rule := range c.rules {
		fmt.Fprintf(b, "add rule %s %s\n", name, rule)
	}
}

func (m *nftMap) write(b *strings.Builder, name string, was *nftMap) {
	if m == was {
		return
	}
	var gone, come []string
	if was != nil {
		for k, v := range was.elements {
			if now, ok := m.elements[k]; !ok || now != v {
				gone = append(gone, element(k, v))
			}
		}
	}
	for k, v := range m.elements {
		if was == nil || was.elements[k] != v || !has(was.elements, k) {
			come = append(come, element(k, v))
		}
	}
	writeElements(b, "delete", name, gone)
	writeElements(b, "add", name, come)
}

func writeElements(b *strings.Builder, verb, name string, elements []string) {
	if len(elements) > 0 {
		slices.Sort(elements)
		fmt.Fprintf(b, "%s element %s { %s }\n", verb, name, strings.Join(elements, ", "))
	}
}

func element(key, value string) string {
	if value == "" {
		return key
	}
	return key + " : " + value
}

func has(m map[string]string, key string) bool { _, ok := m[key]; return ok }

// runNft runs a script as one transaction in a network namespace.
func runNft(ctx context.Context, ns netns.NsHandle, script string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nft", append(args, "-f", "-")...)
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := inside(ns, cmd.Run); err != nil {
		return fmt.Errorf("nft: %w: %s", err, firstLines(out.String(), 3))
	}
	return nil
}

func firstLines(s string, n int) string {
	lines := strings.SplitN(strings.TrimSpace(s), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], " | ")
}

// generation of the nftables rules of a namespace: it grows with every change,
// whoever makes it. 0 when it cannot be had.
func generation(ns netns.NsHandle) uint32 {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns)})
	if err != nil {
		return 0
	}
	defer c.Close()
	msgs, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   nfgenmsg(unix.AF_UNSPEC),
	})
	if err != nil || len(msgs) == 0 || len(msgs[0].Data) < 4 {
		return 0
	}
	attrs, err := netlink.NewAttributeDecoder(msgs[0].Data[4:])
	if err != nil {
		return 0
	}
	attrs.ByteOrder = binary.BigEndian
	for attrs.Next() {
		if attrs.Type() == unix.NFTA_GEN_ID {
			return attrs.Uint32()
		}
	}
	return 0
}

// nfgenmsg is the header of every netfilter message.
func nfgenmsg(family uint8) []byte { return []byte{family, unix.NFNETLINK_V0, 0, 0} }
