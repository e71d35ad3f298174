package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHasherIsBounded(t *testing.T) {
	h := newHasher(Config{Hashers: 2, PasswordHashRounds: 4, MaxPasswordLength: 4096})
	var running, most atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_ = h.run(t.Context(), func() error {
				n := running.Add(1)
				defer running.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(time.Millisecond)
				return nil
			})
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d hashed at once", most.Load())
	}
	h.slots <- struct{}{}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Matches(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for a slot in vain: %v", err)
	}
}

func TestHash(t *testing.T) {
	h := newHasher(Config{Hashers: 1, PasswordHashRounds: 4, MaxPasswordLength: 200})
	long := strings.Repeat("x", 100)
	for _, password := range []string{"p", "pässwörd", long} {
		hash, err := h.Hash(t.Context(), password)
		if err != nil || !strings.HasPrefix(hash, "$2b$04$") {
			t.Fatalf("%q %v", hash, err)
		}
		for guess, want := range map[string]bool{password: true, "q": false, "": false, long + long + long: false} {
			if ok, err := h.Matches(t.Context(), hash, guess); ok != want || err != nil {
				t.Errorf("%q for %q: %v %v", guess, password, ok, err)
			}
		}
	}
	// made by another implementation
	if ok, err := h.Matches(t.Context(), "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie", "correctbatteryhorsestapler"); !ok || err != nil {
		t.Errorf("a hash of the original: %v %v", ok, err)
	}
	if _, err := h.Hash(t.Context(), strings.Repeat("x", 201)); err == nil {
		t.Error("a password over the limit was taken")
	}
}
