package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// flow is an entry of the kernel's connection table, seen from its beginning:
// src sent the first packet.
type flow struct {
	tuple              []byte // as the kernel gave it, to name the entry by
	family             uint8
	zone               uint16
	mark               uint32
	src, dst           netip.Addr
	proto              uint8
	sport, dport       uint16
	icmpType, icmpCode uint8
}

// Message types and attributes of ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
const (
	ctNew, ctGet, ctDelete = unix.NFNL_SUBSYS_CTNETLINK << 8, unix.NFNL_SUBSYS_CTNETLINK<<8 | 1, unix.NFNL_SUBSYS_CTNETLINK<<8 | 2

	ctaTupleOrig, ctaMark, ctaZone                         = 1, 8, 18
	ctaTupleIP, ctaTupleProto                              = 1, 2
	ctaIPv4Src, ctaIPv4Dst, ctaIPv6Src, ctaIPv6Dst         = 1, 2, 3, 4
	ctaProtoNum, ctaProtoSrcPort, ctaProtoDstPort          = 1, 2, 3
	ctaICMPType, ctaICMPCode, ctaICMPv6Type, ctaICMPv6Code = 5, 6, 8, 9
)

// flows reads the connection table of a namespace.
func flows(c *netlink.Conn) ([]flow, error) {
	var all []flow
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		msgs, err := c.Execute(netlink.Message{
			Header: netlink.Header{Type: ctGet, Flags: netlink.Request | netlink.Dump},
			Data:   nfgenmsg(family),
		})
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		for _, m := range msgs {
			if f, err := parseFlow(family, m.Data); err == nil {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

func parseFlow(family uint8, data []byte) (flow, error) {
	f := flow{family: family}
	if len(data) < 4 {
		return f, fmt.Errorf("short message")
	}
	attrs, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return f, err
	}
	attrs.ByteOrder = binary.BigEndian
	for attrs.Next() {
		switch attrs.Type() {
		case ctaTupleOrig:
			f.tuple = attrs.Bytes()
			attrs.Nested(f.parseTuple)
		case ctaMark:
			f.mark = attrs.Uint32()
		case ctaZone:
			f.zone = attrs.Uint16()
		}
	}
	return f, attrs.Err()
}

func (f *flow) parseTuple(attrs *netlink.AttributeDecoder) error {
	for attrs.Next() {
		switch attrs.Type() {
		case ctaTupleIP:
			attrs.Nested(f.parseIP)
		case ctaTupleProto:
			attrs.Nested(f.parseProto)
		}
	}
	return nil
}

func (f *flow) parseIP(attrs *netlink.AttributeDecoder) error {
	for attrs.Next() {
		a, _ := netip.AddrFromSlice(attrs.Bytes())
		switch attrs.Type() {
		case ctaIPv4Src, ctaIPv6Src:
			f.src = a
		case ctaIPv4Dst, ctaIPv6Dst:
			f.dst = a
		}
	}
	return nil
}

func (f *flow) parseProto(attrs *netlink.AttributeDecoder) error {
	for attrs.Next() {
		switch attrs.Type() {
		case ctaProtoNum:
			f.proto = attrs.Uint8()
		case ctaProtoSrcPort:
			f.sport = attrs.Uint16()
		case ctaProtoDstPort:
			f.dport = attrs.Uint16()
		case ctaICMPType, ctaICMPv6Type:
			f.icmpType = attrs.Uint8()
		case ctaICMPCode, ctaICMPv6Code:
			f.icmpCode = attrs.Uint8()
		}
	}
	return nil
}

// change sends one entry back with a new mark, or removes it.
func (f flow) change(c *netlink.Conn, kind netlink.HeaderType, mark uint32) error {
	attrs := netlink.NewAttributeEncoder()
	attrs.ByteOrder = binary.BigEndian
	attrs.Bytes(ctaTupleOrig|unix.NLA_F_NESTED, f.tuple)
	attrs.Uint16(ctaZone, f.zone)
	if kind == ctNew {
		attrs.Uint32(ctaMark, mark)
	}
	data, err := attrs.Encode()
	if err != nil {
		return err
	}
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(nfgenmsg(f.family), data...),
	})
	if isGone(err) {
		return nil
	}
	return err
}

// openConntrack opens the connection table of a namespace.
func openConntrack(ns netns.NsHandle) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns)})
	if err != nil {
		return nil, err
	}
	return c, c.SetReadBuffer(4 << 20)
}

// deleteFlows forgets the connections of a namespace that match.
func deleteFlows(ns netns.NsHandle, match func(flow) bool) error {
	c, err := openConntrack(ns)
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := flows(c)
	if err != nil {
		return err
	}
	for _, f := range all {
		if match(f) {
			if err := f.change(c, ctDelete, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutFlows revokes the running flows that the new rules of changed ports would
// not let begin, gives back those that they would, and forgets the flows of
// ports that left, so that the next owner of an address inherits nothing.
func (r *round) cutFlows(next map[string]guard) error {
	var gone []guard
	changed := len(r.filters.guards) == 0 && len(next) > 0
	for id, was := range r.filters.guards {
		now, ok := next[id]
		if !ok {
			gone = append(gone, was)
		} else if !slices.Equal(was.text, now.text) {
			changed = true
		}
	}
	if !changed && len(gone) == 0 {
		return nil
	}
	return r.filters.sweep(next, gone)
}

func (f *filters) sweep(guards map[string]guard, gone []guard) error {
	c, err := openConntrack(f.host)
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := flows(c)
	if err != nil {
		return err
	}
	judges := newJudges(guards)
	left := newJudges(nil)
	for _, g := range gone {
		left.add(g)
	}
	for _, w := range all {
		if len(left.of(w.zone, w.src))+len(left.of(w.zone, w.dst)) > 0 {
			err = w.change(c, ctDelete, 0)
		} else if mark, known := judges.mark(w); known && mark != w.mark {
			err = w.change(c, ctNew, mark)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judges finds the ports that an address belongs to within a zone.
type judges struct {
	exact  map[endpoint][]guard
	ranges map[uint16][]guard
}

type endpoint struct {
	zone uint16
	addr netip.Addr
}

func newJudges(guards map[string]guard) *judges {
	j := &judges{exact: map[endpoint][]guard{}, ranges: map[uint16][]guard{}}
	for _, g := range guards {
		j.add(g)
	}
	return j
}

func (j *judges) add(g guard) {
	for _, s := range g.sources {
		for _, p := range slices.Concat(s.v4, s.v6) {
			if p.IsSingleIP() {
				at := endpoint{g.zone, p.Addr()}
				j.exact[at] = append(j.exact[at], g)
			} else if p.Bits() > 0 {
				j.ranges[g.zone] = append(j.ranges[g.zone], g)
			}
		}
	}
}

// of gives the ports that own an address; those that only own a range around
// it are asked when nobody owns the address itself.
func (j *judges) of(zone uint16, a netip.Addr) []guard {
	if owners := j.exact[endpoint{zone, a}]; owners != nil {
		return owners
	}
	var owners []guard
	for _, g := range j.ranges[zone] {
		for _, s := range g.sources {
			if within(s.v4, a) || within(s.v6, a) {
				owners = append(owners, g)
				break
			}
		}
	}
	return owners
}

// mark a flow should bear; known is false when no guarded port takes part.
func (j *judges) mark(w flow) (mark uint32, known bool) {
	for _, side := range []struct {
		addr    netip.Addr
		ingress bool
	}{{w.src, false}, {w.dst, true}} {
		for _, g := range j.of(w.zone, side.addr) {
			known = true
			if g.stateful && !g.allows(w, side.ingress) {
				mark = revoked
			}
		}
	}
	return mark, known
}

// allows says whether a port's rules let a flow begin.
func (g guard) allows(w flow, ingress bool) bool {
	if w.proto == protoUDP && (w.dport == 67 || w.dport == 68 || w.dport == 546 || w.dport == 547) {
		return true
	}
	return slices.ContainsFunc(g.rules, func(f filterRule) bool { return f.allows(w, ingress) })
}

// isGone tells that an entry ended by itself meanwhile.
func isGone(err error) bool { return errors.Is(err, unix.ENOENT) }
