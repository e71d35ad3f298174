package service

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// CreateServers records MinCount to MaxCount servers in BUILD, as many as the
// quota allows, together with the flows that build them. The request's
// AdminPass is set when it was empty.
func (s *Service) CreateServers(ctx context.Context, req *nova.ServerRequest) ([]nova.Server, error) {
	plan, err := s.planServers(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.AdminPass == "" {
		req.AdminPass = password(s.cfg.PasswordLength)
	}
	var made []nova.Server
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		made = made[:0]
		count, err := s.allowedServers(ctx, tx, plan.flavor, req.MinCount, plan.count)
		if err != nil {
			return err
		}
		for i := range count {
			srv, err := s.insertServer(ctx, tx, *req, plan, i, count)
			if err != nil {
				return err
			}
			made = append(made, srv)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wakeConductor(ctx)
	return made, nil
}

// serverPlan is a request with all that it names looked up.
type serverPlan struct {
	flavor         nova.Flavor
	image          nova.Image
	kernel         *nova.Image
	ramdisk        *nova.Image
	keyData        string
	keyType        string
	networks       nova.NetworkPlan
	count          int
	reservationID  string
	zone           string
	configDrive    bool
	rootDeviceName string
}

// planServers looks up everything the request names, in the original's order,
// and refuses what cannot be.
func (s *Service) planServers(ctx context.Context, req *nova.ServerRequest) (p serverPlan, err error) {
	caller := auth.Caller(ctx)
	if p.flavor, err = s.bootFlavor(ctx, req.FlavorID); err != nil {
		return p, err
	}
	if err := checkCounts(req); err != nil {
		return p, err
	}
	if p.zone, err = s.checkPlace(ctx, &req.Wishes); err != nil {
		return p, err
	}
	if p.image, err = s.bootImage(ctx, req); err != nil {
		return p, err
	}
	if req.UserData != "" {
		if _, err := decodeUserData(req.UserData); err != nil {
			return p, fault.BadRequest("User data needs to be valid base 64.")
		}
	}
	req.Networks.ProjectID, req.Networks.Count = caller.ProjectID, req.MaxCount
	p.networks.Count = req.MaxCount
	if !req.NoNetworks {
		if p.networks, err = s.networks.Resolve(ctx, req.Networks); err != nil {
			return p, err
		}
	} else if len(req.Networks.SecurityGroups) > 0 {
		groups := nova.NetworkWish{ProjectID: caller.ProjectID, SecurityGroups: req.Networks.SecurityGroups}
		if _, err = s.networks.Resolve(ctx, groups); err != nil {
			return p, err
		}
	}
	if p.kernel, p.ramdisk, err = s.bootKernel(ctx, p.image); err != nil {
		return p, err
	}
	if req.KeyName != "" {
		key, err := s.store.Keypair(ctx, caller.UserID, req.KeyName)
		if errors.Is(err, db.ErrNoRow) {
			return p, fault.BadRequest("Invalid key_name provided.")
		} else if err != nil {
			return p, fmt.Errorf("key pair %s: %w", req.KeyName, err)
		}
		p.keyData, p.keyType = key.PublicKey, key.Type
	}
	limits, err := s.store.Limits(ctx, caller.ProjectID, "")
	if err != nil {
		return p, fmt.Errorf("limits of %s: %w", caller.ProjectID, err)
	}
	if err := checkItems(req, limits); err != nil {
		return p, err
	}
	if err := checkFlavorImage(p.flavor, p.image, req); err != nil {
		return p, err
	}
	if p.count = min(req.MaxCount, p.networks.Count); p.count < req.MinCount {
		return p, fault.Forbidden("Maximum number of ports exceeded")
	}
	p.reservationID = "r-" + randomText(8, lowerDigits)
	p.configDrive = req.ConfigDrive || s.cfg.ForceConfigDrive || p.image.Properties["img_config_drive"] == "mandatory"
	p.rootDeviceName = p.image.Properties["root_device_name"]
	return p, nil
}

// insertServer writes the i-th of count servers, what was asked, and its flow.
func (s *Service) insertServer(ctx context.Context, tx *store.Tx, req nova.ServerRequest, p serverPlan, i, count int) (nova.Server, error) {
	caller := auth.Caller(ctx)
	srv := nova.Server{ID: uuid.New(), ProjectID: caller.ProjectID, UserID: caller.UserID,
		Name: req.Name, Description: req.Description, Hostname: req.Hostname,
		ReservationID: p.reservationID, LaunchIndex: i, VMState: nova.Building, TaskState: nova.Scheduling,
		ImageID: p.image.ID, ImageMeta: p.image.Properties, RootDeviceName: p.rootDeviceName,
		Flavor: p.flavor, FlavorID: p.flavor.FlavorID, VCPUs: p.flavor.VCPUs, MemoryMB: p.flavor.MemoryMB,
		Zone: p.zone, Wishes: req.Wishes, KeyName: req.KeyName, KeyData: p.keyData, UserData: req.UserData,
		ConfigDrive: p.configDrive, DiskConfig: diskConfig(req.DiskConfig, p.image),
		AccessIPv4: req.AccessIPv4, AccessIPv6: req.AccessIPv6,
		SecurityGroups: p.networks.SecurityGroups, TrustedCerts: req.TrustedCerts,
		Metadata: req.Metadata, Tags: req.Tags, CreatedAt: s.clock.Now()}
	if p.kernel != nil {
		srv.KernelID = p.kernel.ID
	}
	if p.ramdisk != nil {
		srv.RamdiskID = p.ramdisk.ID
	}
	if count > 1 {
		srv.Name = fmt.Sprintf("%s-%d", req.Name, i+1)
	}
	if srv.Hostname == "" {
		srv.Hostname = hostname(srv.Name, srv.ID)
	}
	for _, n := range p.networks.Requests {
		if n.PortID != "" {
			srv.Wishes.Ports = append(slices.Clip(srv.Wishes.Ports), n.PortID)
		}
	}
	if err := tx.InsertServer(ctx, &srv); err != nil {
		return srv, fmt.Errorf("insert server: %w", err)
	}
	if err := tx.BeginAction(ctx, srv.ID, "create"); err != nil {
		return srv, fmt.Errorf("record action: %w", err)
	}
	return srv, s.creates.Start(ctx, tx.Tx, srv.ID, serverCreate{ServerID: srv.ID, Networks: p.networks.Requests,
		Image: p.image, Kernel: p.kernel, Ramdisk: p.ramdisk, KeyType: p.keyType, AdminPass: req.AdminPass, Files: req.Files})
}

// bootFlavor finds a flavor that the caller's project may use.
func (s *Service) bootFlavor(ctx context.Context, id string) (nova.Flavor, error) {
	caller := auth.Caller(ctx)
	find := func() (nova.Flavor, error) { return s.store.FlavorFor(ctx, id, caller.ProjectID) }
	if caller.Admin {
		find = func() (nova.Flavor, error) { return s.store.Flavor(ctx, id) }
	}
	f, err := find()
	if errors.Is(err, db.ErrNoRow) || err == nil && f.Disabled {
		return f, fault.BadRequest("Flavor %s could not be found.", id)
	} else if err != nil {
		return f, fmt.Errorf("flavor %s: %w", id, err)
	}
	return f, nil
}

// decodeUserData reads base64 as lenient as Python's: bytes outside the alphabet count for nothing.
func decodeUserData(text string) ([]byte, error) {
	clean := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c == '+' || c == '/' || c == '=' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			clean = append(clean, c)
		}
	}
	return base64.StdEncoding.DecodeString(string(clean))
}

// diskConfig is what was asked for, else what the image says, else MANUAL.
func diskConfig(asked string, img nova.Image) string {
	switch auto, _ := parseBool(img.Properties["auto_disk_config"]); {
	case asked != "":
		return asked
	case auto:
		return "AUTO"
	}
	return "MANUAL"
}
