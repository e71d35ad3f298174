package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/fault"
)

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIsSDpDYYgJzR9NbiWhLOhRXb5kVMoPGUFmyv3fpAVQ6 g@example"

func TestKeypairs(t *testing.T) {
	r := newRig(t)
	k := nova.Keypair{UserID: "u", Name: "k", Type: nova.KeypairSSH, PublicKey: testKey}
	got, err := r.ImportKeypair(r.ctx, k)
	if err != nil || got.Fingerprint != "43:c5:0a:f1:ce:e4:10:31:a5:31:27:db:3f:61:91:db" || got.ID == 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := r.ImportKeypair(r.ctx, k); !fault.Is(err, 409) {
		t.Error(err)
	}
	cert, private, err := r.GenerateKeypair(r.ctx, nova.Keypair{UserID: "u", Name: "c", Type: nova.KeypairX509})
	if err != nil || private == "" {
		t.Errorf("%+v %v", cert, err)
	}
	cert.Name = "again"
	if again, err := r.ImportKeypair(r.ctx, cert); err != nil || again.Fingerprint != cert.Fingerprint {
		t.Errorf("%+v %v", again, err)
	}
	r.must(r.DeleteKeypair(r.ctx, "u", "k"))
	if _, err := r.Keypair(r.ctx, "u", "k"); err == nil || err.Error() != "Keypair k not found for user u" {
		t.Error(err)
	}
}

// Fifty imports race at a limit of ten: ten win.
func TestKeypairQuota(t *testing.T) {
	r := newRig(t)
	r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetLimits(ctx, "p", "", nova.Limits{nova.QuotaKeyPairs: 10})
	}))
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := r.ImportKeypair(r.ctx, nova.Keypair{UserID: "u", Name: string(rune('0' + i)), Type: nova.KeypairSSH, PublicKey: testKey})
			var f *fault.Fault
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, &f) || f.Message != "Quota exceeded, too many key pairs.":
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 10 {
		t.Errorf("%d keypairs", made.Load())
	}
}
