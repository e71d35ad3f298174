package service

import (
	"context"
	"syscall"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/store"
)

// BenchmarkServerCreate builds servers, ten at a time, on a host that does
// nothing and with peers in memory: what is left is Nova's own work. It tells
// the CPU time of one server from the call until it is ACTIVE.
func BenchmarkServerCreate(b *testing.B) {
	r := newRig(b)
	r.serve()
	for _, host := range []string{"fake1", "fake2", "fake3", "fake4"} {
		novatest.Host(b, r.bus, host)
	}
	r.known(4)
	r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetLimits(ctx, "p", "", nova.Limits{nova.QuotaInstances: -1, nova.QuotaCores: -1, nova.QuotaRAM: -1})
	}))
	before := cpu()
	b.ResetTimer()
	for range b.N {
		req := request()
		req.MinCount, req.MaxCount = 10, 10
		made, err := r.CreateServers(r.ctx, &req)
		r.must(err)
		for _, srv := range made {
			if now := r.settled(srv.ID); now.VMState != nova.Active {
				b.Fatal(now.VMState, now.Fault)
			}
		}
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(10*b.N)/1000, "cpu-ms/server")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
