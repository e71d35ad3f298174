package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/httpclient"
)

// openImports makes what imports need.
func (s *Service) openImports(d Deps) (err error) {
	if d.Identity == nil && (d.Config.UseKeystoneLimits || slices.Contains(d.Config.EnabledImportMethods, GlanceDownload)) {
		return errors.New("glance: use_keystone_limits and glance-download need Keystone")
	}
	if d.Staging != "" {
		if s.staging, err = openStaging(d.Staging); err != nil {
			return err
		}
	}
	if s.web, err = httpclient.New(d.Config.ImportFiltering); err != nil {
		return err
	}
	if s.region == nil {
		if s.region, err = httpclient.New(httpclient.Config{AllowedNetworks: httpclient.Everywhere, MaxRedirects: -1}); err != nil {
			return err
		}
	}
	s.flows = flow.NewEngine(d.Store.DB(), flow.Options{Owner: d.Worker, Clock: d.Clock, Workers: d.Config.WSGI.TaskPoolThreads, Fail: d.Fail})
	s.imports = flow.Register(s.flows, s.importFlow())
	s.locating = flow.Register(s.flows, s.locationFlow())
	return nil
}

// FailPoints lists where Deps.Fail is called, in running order. A test of
// recovery goes through all of them.
func FailPoints() []string {
	var s Service
	return s.importFlow().Points()
}

// ImportMethods are those that are enabled.
func (s *Service) ImportMethods() []string {
	if len(s.staging) == 0 {
		return []string{}
	}
	return s.config.EnabledImportMethods
}

// Carry works on imports until ctx ends.
func (s *Service) Carry(ctx context.Context) error {
	if err := s.flows.Run(ctx); ctx.Err() == nil {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}
