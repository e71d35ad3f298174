package service

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// forwardTimeout is how long another process may take to answer.
const forwardTimeout = time.Minute

// StageHost is the URL of the process that has the image's staged bytes; "" if
// that is this one, or any.
func (s *Service) StageHost(img glance.Image) string {
	if host := img.Properties[glance.StageHost]; host != nil && *host != s.config.WorkerSelfReferenceURL {
		return *host
	}
	return ""
}

// Forward sends a call to another process of this service, as its caller. What
// that process refuses is refused here; one that does not answer is a 504.
func (s *Service) Forward(ctx context.Context, host, method, path string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(host, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fault.New(http.StatusGatewayTimeout, "Stage host is unavailable").Cause(err)
	}
	r.Header.Set("X-Auth-Token", auth.Caller(ctx).Token)
	r.Header.Set("X-Openstack-Request-Id", auth.RequestID(ctx))
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := s.region.Do(r)
	if err != nil {
		return fault.New(http.StatusGatewayTimeout, "Stage host is unavailable").Cause(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fault.New(res.StatusCode, "%s", http.StatusText(res.StatusCode))
	}
	return nil
}
