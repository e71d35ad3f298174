package service

import (
	"context"
	"errors"
	"math/big"
	"net/netip"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Subnetpools lists the subnet pools that the caller may see.
func (s *Service) Subnetpools(ctx context.Context, q neutron.Query) ([]neutron.Subnetpool, error) {
	q.ProjectID = scope(ctx)
	return s.store.Subnetpools(ctx, q)
}

// Subnetpool finds a subnet pool that the caller may see.
func (s *Service) Subnetpool(ctx context.Context, id string) (neutron.Subnetpool, error) {
	return s.store.Subnetpool(ctx, id, scope(ctx))
}

// CreateSubnetpools makes subnet pools, all or none.
func (s *Service) CreateSubnetpools(ctx context.Context, reqs []neutron.SubnetpoolRequest) (out []neutron.Subnetpool, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			p, err := s.createSubnetpool(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func (s *Service) createSubnetpool(ctx context.Context, tx *store.Tx, r neutron.SubnetpoolRequest) (neutron.Subnetpool, error) {
	p := neutron.Subnetpool{ID: newID(), Name: r.Name.Value, ProjectID: r.ProjectID.Value, IsDefault: r.IsDefault.Value,
		Shared: r.Shared.Value, DefaultQuota: r.DefaultQuota.Value, Standard: s.standard(r.Description)}
	prefixes, err := readPrefixes(r.Prefixes.Value)
	if err != nil {
		return p, err
	}
	bits := prefixes[0].Addr().BitLen()
	p.IPVersion, p.Prefixes = version(prefixes[0].Addr()), texts(ipam.Merge(prefixes))
	least := 8
	if bits == 128 {
		least = 64
	}
	p.MinPrefixLen, p.MaxPrefixLen = r.MinPrefixLen.Or(least), r.MaxPrefixLen.Or(bits)
	p.DefaultPrefixLen = r.DefaultPrefixLen.Or(p.MinPrefixLen)
	if err := s.checkSubnetpool(ctx, tx, p); err != nil {
		return p, err
	}
	if err := s.count(ctx, tx, "subnetpool", p.ProjectID, 1); err != nil {
		return p, err
	}
	return p, tx.InsertSubnetpool(ctx, p)
}

func readPrefixes(list []string) ([]netip.Prefix, error) {
	if len(list) == 0 {
		return nil, fault.BadRequest("Empty subnet pool prefix list.").As("EmptySubnetPoolPrefixList")
	}
	out := make([]netip.Prefix, len(list))
	for i, t := range list {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, neutron.InvalidInput("%s is not in a CIDR format", t)
		}
		if out[i] = p.Masked(); version(p.Addr()) != version(out[0].Addr()) {
			return nil, fault.BadRequest("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.").As("PrefixVersionMismatch")
		}
	}
	return out, nil
}

func texts(ps []netip.Prefix) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.String()
	}
	return out
}

// checkSubnetpool refuses bounds that contradict each other and a second default.
func (s *Service) checkSubnetpool(ctx context.Context, tx *store.Tx, p neutron.Subnetpool) error {
	bounds := func(name string, n int, base string, m int) error {
		return fault.BadRequest("Illegal prefix bounds: %s=%d, %s=%d.", name, n, base, m).As("IllegalSubnetPoolPrefixBounds")
	}
	most := 32
	if p.IPVersion == 6 {
		most = 128
	}
	switch {
	case p.MaxPrefixLen > most:
		return bounds("max_prefixlen", p.MaxPrefixLen, "ip_version", p.IPVersion)
	case p.MinPrefixLen > p.MaxPrefixLen:
		return bounds("min_prefixlen", p.MinPrefixLen, "max_prefixlen", p.MaxPrefixLen)
	case p.DefaultPrefixLen < p.MinPrefixLen:
		return bounds("default_prefixlen", p.DefaultPrefixLen, "min_prefixlen", p.MinPrefixLen)
	case p.DefaultPrefixLen > p.MaxPrefixLen:
		return bounds("default_prefixlen", p.DefaultPrefixLen, "max_prefixlen", p.MaxPrefixLen)
	}
	if !p.IsDefault {
		return nil
	}
	if other, err := tx.DefaultSubnetpool(ctx, p.IPVersion); err == nil && other.ID != p.ID {
		return neutron.InvalidInput("A default subnetpool for this IP family has already been set. Only one default may exist per IP family")
	} else if err != nil && !errors.Is(err, db.ErrNoRow) {
		return err
	}
	return nil
}

// UpdateSubnetpool changes a subnet pool; its prefixes can only grow.
func (s *Service) UpdateSubnetpool(ctx context.Context, id string, r neutron.SubnetpoolRequest, m Match) (p neutron.Subnetpool, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "subnetpool:"+id); err != nil {
			return err
		}
		if p, err = tx.Subnetpool(ctx, id, ""); err != nil {
			return err
		}
		if err := m.check(p.Revision); err != nil {
			return err
		}
		r.Name.To(&p.Name)
		r.Description.To(&p.Description)
		r.DefaultPrefixLen.To(&p.DefaultPrefixLen)
		r.MinPrefixLen.To(&p.MinPrefixLen)
		r.MaxPrefixLen.To(&p.MaxPrefixLen)
		r.IsDefault.To(&p.IsDefault)
		r.DefaultQuota.To(&p.DefaultQuota)
		if r.Prefixes.Set {
			if err := growPrefixes(&p, r.Prefixes.Value); err != nil {
				return err
			}
		}
		if err := s.checkSubnetpool(ctx, tx, p); err != nil {
			return err
		}
		p.Touch(s.clock.Now())
		return tx.UpdateSubnetpool(ctx, p)
	})
	return p, err
}

func growPrefixes(p *neutron.Subnetpool, list []string) error {
	want, err := readPrefixes(list)
	if err != nil {
		return err
	}
	want = ipam.Merge(want)
	for _, t := range p.Prefixes {
		if !ipam.Within(netip.MustParsePrefix(t), want) {
			return fault.BadRequest("Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.").As("IllegalSubnetPoolPrefixUpdate")
		}
	}
	p.Prefixes = texts(want)
	return nil
}

// AddPrefixes gives a pool more prefixes.
func (s *Service) AddPrefixes(ctx context.Context, id string, list []string) (neutron.Subnetpool, error) {
	return s.changePrefixes(ctx, id, list, func(_ context.Context, _ *store.Tx, p *neutron.Subnetpool, more []netip.Prefix) error {
		for _, t := range p.Prefixes {
			more = append(more, netip.MustParsePrefix(t))
		}
		p.Prefixes = texts(ipam.Merge(more))
		return nil
	})
}

// RemovePrefixes takes prefixes from a pool that no subnet uses.
func (s *Service) RemovePrefixes(ctx context.Context, id string, list []string) (neutron.Subnetpool, error) {
	return s.changePrefixes(ctx, id, list, func(ctx context.Context, tx *store.Tx, p *neutron.Subnetpool, cuts []netip.Prefix) error {
		subs, err := tx.SubnetsOfPool(ctx, p.ID)
		if err != nil {
			return err
		}
		for _, sub := range subs {
			for _, c := range cuts {
				if c.Overlaps(netip.MustParsePrefix(sub.CIDR)) {
					return fault.BadRequest("Illegal update to prefixes: One or more the prefixes to be removed is in use by a subnet.").As("IllegalSubnetPoolPrefixUpdate")
				}
			}
		}
		have, err := readPrefixes(p.Prefixes)
		if err != nil {
			return err
		}
		p.Prefixes = texts(ipam.Subtract(have, cuts))
		return nil
	})
}

func (s *Service) changePrefixes(ctx context.Context, id string, list []string, change func(context.Context, *store.Tx, *neutron.Subnetpool, []netip.Prefix) error) (p neutron.Subnetpool, err error) {
	given, err := readPrefixes(list)
	if err != nil {
		return p, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "subnetpool:"+id); err != nil {
			return err
		}
		if p, err = tx.Subnetpool(ctx, id, ""); err != nil {
			return err
		}
		if version(given[0].Addr()) != p.IPVersion {
			return fault.BadRequest("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.").As("PrefixVersionMismatch")
		}
		if err := change(ctx, tx, &p, given); err != nil {
			return err
		}
		p.Touch(s.clock.Now())
		return tx.UpdateSubnetpool(ctx, p)
	})
	return p, err
}

// DeleteSubnetpool removes a pool that no subnet came from.
func (s *Service) DeleteSubnetpool(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "subnetpool:"+id); err != nil {
			return err
		}
		p, err := tx.Subnetpool(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(p.Revision); err != nil {
			return err
		}
		if subs, err := tx.SubnetsOfPool(ctx, id); err != nil {
			return err
		} else if len(subs) > 0 {
			return fault.BadRequest("Unable to delete subnet pool: Subnet pool has existing allocations.").As("SubnetPoolDeleteError")
		}
		return tx.DeleteSubnetpool(ctx, id)
	})
}

// poolOf is the pool that a new subnet is to be cut from; none has no ID.
func (s *Service) poolOf(ctx context.Context, tx *store.Tx, r neutron.SubnetRequest) (neutron.Subnetpool, error) {
	named := r.SubnetpoolID.Set && r.SubnetpoolID.Value != nil
	if named && r.UseDefaultSubnetpool.Value {
		return neutron.Subnetpool{}, neutron.BadRequest("subnets", "subnetpool_id and use_default_subnetpool cannot both be specified")
	}
	if named {
		return tx.Subnetpool(ctx, *r.SubnetpoolID.Value, scope(ctx))
	}
	if !r.UseDefaultSubnetpool.Value {
		return neutron.Subnetpool{}, nil
	}
	p, err := tx.DefaultSubnetpool(ctx, r.IPVersion.Value)
	if errors.Is(err, db.ErrNoRow) {
		return p, neutron.BadRequest("subnets", "No default subnetpool found for IPv%d", r.IPVersion.Value)
	}
	return p, err
}

// cut takes a subnet's prefix from the pool, within the project's share.
func (s *Service) cut(ctx context.Context, tx *store.Tx, sub *neutron.Subnet, pool neutron.Subnetpool, r neutron.SubnetRequest) error {
	if err := tx.Lock(ctx, "subnetpool:"+pool.ID); err != nil {
		return err
	}
	taken, err := tx.SubnetsOfPool(ctx, pool.ID)
	if err != nil {
		return err
	}
	supply, err := readPrefixes(pool.Prefixes)
	if err != nil {
		return err
	}
	var used []netip.Prefix
	for _, t := range taken {
		used = append(used, netip.MustParsePrefix(t.CIDR))
	}
	p, err := wanted(r, pool, supply, used)
	if err != nil {
		return err
	}
	sub.CIDR = p.String()
	return checkShare(*sub, pool, taken, p)
}

// wanted is the prefix asked for, or the first free one of its length.
func wanted(r neutron.SubnetRequest, pool neutron.Subnetpool, supply, used []netip.Prefix) (netip.Prefix, error) {
	length := r.PrefixLen.Or(pool.DefaultPrefixLen)
	var p netip.Prefix
	if r.CIDR.Set {
		p, _ = netip.ParsePrefix(r.CIDR.Value)
		p = p.Masked()
		length = p.Bits()
	}
	switch {
	case length > pool.MaxPrefixLen:
		return p, fault.BadRequest("Unable to allocate subnet with prefix length %d, maximum allowed prefix is %d.", length, pool.MaxPrefixLen).As("MaxPrefixSubnetAllocationError")
	case length < pool.MinPrefixLen:
		return p, fault.BadRequest("Unable to allocate subnet with prefix length %d, minimum allowed prefix is %d.", length, pool.MinPrefixLen).As("MinPrefixSubnetAllocationError")
	}
	if r.CIDR.Set {
		if !p.IsValid() || !ipam.Within(p, ipam.Subtract(supply, used)) {
			return p, allocationError("Cannot allocate requested subnet from the available set of prefixes")
		}
		return p, nil
	}
	p, ok := ipam.Cut(supply, used, length)
	if !ok {
		return p, allocationError("Insufficient prefix space to allocate subnet size /%d", length)
	}
	return p, nil
}

// allocationError is what the original answers with a 500; the request is to blame.
func allocationError(format string, a ...any) error {
	f := fault.Conflict(format, a...).As("SubnetAllocationError")
	f.Message = "Failed to allocate subnet: " + f.Message + "."
	return f
}

// checkShare counts what the project has of the pool against its default quota.
func checkShare(sub neutron.Subnet, pool neutron.Subnetpool, taken []neutron.Subnet, p netip.Prefix) error {
	if pool.DefaultQuota == nil {
		return nil
	}
	sum := ipam.Units(p)
	for _, t := range taken {
		if t.ProjectID == sub.ProjectID {
			sum.Add(sum, ipam.Units(netip.MustParsePrefix(t.CIDR)))
		}
	}
	if sum.Cmp(big.NewInt(int64(*pool.DefaultQuota))) > 0 {
		return fault.Conflict("Per-project subnet pool prefix quota exceeded.").As("SubnetPoolQuotaExceeded")
	}
	return nil
}
