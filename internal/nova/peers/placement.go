package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"nacre/internal/nova"
	"nacre/internal/oslo/keystoneauth"
)

// Placement is the one book-keeper of resources.
type Placement struct {
	session

	mu   sync.Mutex
	told map[string]string // provider → what it was last made to say
}

// NewPlacement makes a client of Placement.
func NewPlacement(s *keystoneauth.Session) *Placement {
	return &Placement{session: session{Session: s, service: "placement",
		headers: map[string]string{"OpenStack-API-Version": "placement 1.38"}}, told: map[string]string{}}
}

// Candidates lists the providers that could take the claim now.
func (p *Placement) Candidates(ctx context.Context, r nova.ClaimRequest) ([]nova.Candidate, error) {
	c, err := p.own(ctx)
	if err != nil {
		return nil, err
	}
	var amounts []string
	for _, class := range slices.Sorted(maps.Keys(r.Resources)) {
		amounts = append(amounts, class+":"+strconv.Itoa(r.Resources[class]))
	}
	query := values("resources", strings.Join(amounts, ","))
	traits := slices.Clone(r.Required)
	for _, t := range r.Forbidden {
		traits = append(traits, "!"+t)
	}
	if len(traits) > 0 {
		query.Set("required", strings.Join(traits, ","))
	}
	if r.Limit > 0 {
		query.Set("limit", strconv.Itoa(r.Limit))
	}
	var doc struct {
		Requests []struct {
			Allocations map[string]any `json:"allocations"`
		} `json:"allocation_requests"`
		Summaries map[string]struct {
			Resources map[string]struct {
				Capacity int `json:"capacity"`
				Used     int `json:"used"`
			} `json:"resources"`
		} `json:"provider_summaries"`
	}
	if err := c.call(ctx, "GET", "allocation_candidates", query, nil, &doc); err != nil {
		return nil, fmt.Errorf("placement: %w", err)
	}
	var out []nova.Candidate
	for _, req := range doc.Requests {
		if len(req.Allocations) != 1 {
			continue // spread over several providers: servers claim from one host only
		}
		for id := range req.Allocations {
			cand := nova.Candidate{ProviderID: id, Capacity: map[string]nova.Capacity{}}
			for class, res := range doc.Summaries[id].Resources {
				cand.Capacity[class] = nova.Capacity{Total: res.Capacity, Used: res.Used, Ratio: 1}
			}
			out = append(out, cand)
		}
	}
	return out, nil
}

// allocation is what a consumer holds of one provider.
type allocation struct {
	Resources nova.Resources `json:"resources"`
}

// allocations are a consumer's claims. A nil generation means it has none yet.
type allocations struct {
	Allocations  map[string]allocation `json:"allocations"`
	ProjectID    string                `json:"project_id"`
	UserID       string                `json:"user_id"`
	ConsumerType string                `json:"consumer_type"`
	Generation   *int                  `json:"consumer_generation"`
}

// claimAttempts bounds how often a claim is tried against concurrent changes.
const claimAttempts = 8

// Claim ensures that the server holds r of one provider and nothing else;
// nova.ErrClaimLost when it no longer fits.
func (p *Placement) Claim(ctx context.Context, s nova.Server, providerID string, r nova.Resources) error {
	c, err := p.own(ctx)
	if err != nil {
		return err
	}
	want := allocations{Allocations: map[string]allocation{providerID: {Resources: r}}, ProjectID: s.ProjectID, UserID: s.UserID, ConsumerType: "INSTANCE"}
	for range claimAttempts {
		err = c.call(ctx, "PUT", "allocations/"+s.ID, nil, want, nil)
		if status(err) != 409 {
			break
		}
		var have allocations
		if gerr := c.call(ctx, "GET", "allocations/"+s.ID, nil, nil, &have); gerr != nil {
			return fmt.Errorf("placement: %w", gerr)
		}
		mine, held := have.Allocations[providerID]
		switch {
		case held && len(have.Allocations) == 1 && maps.Equal(mine.Resources, r):
			return nil
		case strings.Contains(err.Error(), "Unable to allocate inventory"), strings.Contains(err.Error(), "exceed"):
			return nova.ErrClaimLost
		}
		want.Generation = have.Generation
	}
	switch status(err) {
	case 0:
		return err
	case 409, 400:
		return fmt.Errorf("%w: %w", nova.ErrClaimLost, err)
	}
	return fmt.Errorf("placement: %w", err)
}

// Release deletes the server's claims; none is success.
func (p *Placement) Release(ctx context.Context, serverID string) error {
	c, err := p.own(ctx)
	if err != nil {
		return err
	}
	if err := c.call(ctx, "DELETE", "allocations/"+serverID, nil, nil, nil); err != nil && status(err) != 404 {
		return fmt.Errorf("placement: %w", err)
	}
	return nil
}

// inventoryDoc is a provider's inventory of one class.
type inventoryDoc struct {
	Total    int     `json:"total"`
	Reserved int     `json:"reserved"`
	MinUnit  int     `json:"min_unit"`
	MaxUnit  int     `json:"max_unit"`
	StepSize int     `json:"step_size"`
	Ratio    float64 `json:"allocation_ratio"`
}

type inventoriesDoc struct {
	Generation  int                     `json:"resource_provider_generation"`
	Inventories map[string]inventoryDoc `json:"inventories"`
}

// EnsureProvider makes a host's provider say what the host reported. What was
// told before and has not changed is not told again by this process.
func (p *Placement) EnsureProvider(ctx context.Context, want nova.ProviderInventory) error {
	said := fmt.Sprint(want)
	p.mu.Lock()
	same := p.told[want.ProviderID] == said
	p.mu.Unlock()
	if same {
		return nil
	}
	c, err := p.own(ctx)
	if err != nil {
		return err
	}
	if err := c.ensureProvider(ctx, want); err != nil {
		return fmt.Errorf("placement: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[want.ProviderID] = said
	return nil
}

func (c client) ensureProvider(ctx context.Context, want nova.ProviderInventory) error {
	path := "resource_providers/" + want.ProviderID
	var have inventoriesDoc
	err := c.call(ctx, "GET", path+"/inventories", nil, nil, &have)
	if status(err) == 404 {
		body := map[string]any{"uuid": want.ProviderID, "name": want.Name}
		if err := c.call(ctx, "POST", "resource_providers", nil, body, nil); err != nil && status(err) != 409 {
			return err
		}
		err = c.call(ctx, "GET", path+"/inventories", nil, nil, &have)
	}
	if err != nil {
		return err
	}
	asked := inventoriesDoc{Generation: have.Generation, Inventories: map[string]inventoryDoc{}}
	for class, v := range want.Inventory {
		if v.Total > 0 {
			asked.Inventories[class] = inventoryDoc{Total: v.Total, Reserved: min(v.Reserved, v.Total), MinUnit: 1, MaxUnit: v.Total, StepSize: 1, Ratio: v.Ratio}
		}
	}
	if !maps.Equal(asked.Inventories, have.Inventories) {
		if err := c.call(ctx, "PUT", path+"/inventories", nil, asked, nil); err != nil {
			return err
		}
	}
	return c.ensureTraits(ctx, path, want.Traits)
}

// ensureTraits sets those of the traits that Placement knows.
func (c client) ensureTraits(ctx context.Context, path string, traits []string) error {
	var have struct {
		Generation int      `json:"resource_provider_generation"`
		Traits     []string `json:"traits"`
	}
	if err := c.call(ctx, "GET", path+"/traits", nil, nil, &have); err != nil {
		return err
	}
	var known struct {
		Traits []string `json:"traits"`
	}
	if len(traits) > 0 {
		if err := c.call(ctx, "GET", "traits", values("name", "in:"+strings.Join(traits, ",")), nil, &known); err != nil {
			return err
		}
	}
	for _, t := range have.Traits {
		if strings.HasPrefix(t, "CUSTOM_") && !slices.Contains(known.Traits, t) {
			known.Traits = append(known.Traits, t) // an operator's
		}
	}
	slices.Sort(known.Traits)
	slices.Sort(have.Traits)
	if slices.Equal(known.Traits, have.Traits) {
		return nil
	}
	have.Traits = known.Traits
	return c.call(ctx, "PUT", path+"/traits", nil, have, nil)
}

// Capacity is what a provider offers and what of it is used.
func (p *Placement) Capacity(ctx context.Context, providerID string) (map[string]nova.Capacity, error) {
	c, err := p.own(ctx)
	if err != nil {
		return nil, err
	}
	var inv inventoriesDoc
	var used struct {
		Usages map[string]int `json:"usages"`
	}
	path := "resource_providers/" + providerID
	err = errors.Join(c.call(ctx, "GET", path+"/inventories", nil, nil, &inv), c.call(ctx, "GET", path+"/usages", nil, nil, &used))
	if err != nil {
		return nil, fmt.Errorf("placement: %w", err)
	}
	out := map[string]nova.Capacity{}
	for class, i := range inv.Inventories {
		out[class] = nova.Capacity{Total: i.Total, Reserved: i.Reserved, Used: used.Usages[class], MinUnit: i.MinUnit, MaxUnit: i.MaxUnit, Ratio: i.Ratio}
	}
	return out, nil
}

// Consumers lists who holds claims on a provider; none for one that is unknown.
func (p *Placement) Consumers(ctx context.Context, providerID string) ([]string, error) {
	c, err := p.own(ctx)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Allocations map[string]any `json:"allocations"`
	}
	err = c.call(ctx, "GET", "resource_providers/"+providerID+"/allocations", nil, nil, &doc)
	if status(err) == 404 {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("placement: %w", err)
	}
	return slices.Sorted(maps.Keys(doc.Allocations)), nil
}
