package service_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/keymanager"
	"nacre/internal/glance/service"
	"nacre/internal/glance/signature/signaturetest"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
)

const victimEnv = "NACRE_GLANCE_VICTIM" // the directory of a process that is to be killed

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
	}
	if dir := os.Getenv(importVictimEnv); dir != "" {
		importVictim(dir)
	}
	os.Exit(m.Run())
}

// real is a service on files that several processes can open.
func real(dir string) (*service.Service, error) {
	files, err := blob.NewFile(filepath.Join(dir, "images"))
	if err != nil {
		return nil, err
	}
	st, err := store.Open(context.Background(), "sqlite://"+filepath.Join(dir, "glance.db"))
	if err != nil {
		return nil, err
	}
	return service.New(service.Deps{Store: st, Worker: "w", Config: service.DefaultConfig(), Keys: discreet{dir},
		Backends: []service.Backend{{ID: "files", Blobs: files}}})
}

// token is the one with which certificates are found.
const token = "the caller's"

// discreet is a key manager with one certificate, for whoever has the token.
type discreet struct{ dir string }

// Certificate implements keymanager.KeyManager.
func (d discreet) Certificate(ctx context.Context, id string) (*keymanager.Certificate, error) {
	if auth.Caller(ctx).Token != token {
		return nil, errors.New("no token")
	}
	files, err := keymanager.NewFiles(d.dir)
	if err != nil {
		return nil, err
	}
	return files.Certificate(ctx, id)
}

// signIn writes to dir what processes need to know of a signed image.
func signIn(t *testing.T, dir string, by *signaturetest.Signer, data string) {
	t.Helper()
	const id = "c0000000-0000-4000-8000-000000000001"
	by.Put(t, dir, id)
	if err := os.WriteFile(filepath.Join(dir, "properties"), []byte("{"+by.Properties(t, id, "SHA-256", data)+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// signedIn is what signIn wrote.
func signedIn(dir string) (properties map[string]*string) {
	text, err := os.ReadFile(filepath.Join(dir, "properties"))
	if err == nil {
		err = json.Unmarshal(text, &properties)
	}
	if err != nil {
		panic(err)
	}
	return properties
}

// victim uploads, says so, and never ends by itself.
func victim(dir string) {
	svc, err := real(dir)
	if err != nil {
		panic(err)
	}
	ctx := auth.WithCaller(context.Background(), auth.Identity{ProjectID: project, Token: token})
	img := svc.NewImage(project)
	img.DiskFormat, img.ContainerFormat, img.Properties = "raw", "bare", signedIn(dir)
	if img, err = svc.CreateImage(ctx, img); err != nil {
		panic(err)
	}
	body := newStuck(2 << 20)
	go func() {
		<-body.waiting
		os.Stdout.WriteString(img.ID + "\n")
	}()
	_ = svc.Upload(ctx, img.ID, service.Data{Body: body, Length: glance.None})
}

// TestKill kills a process with SIGKILL in the middle of the upload of a signed image.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	signIn(t, dir, signaturetest.New(t, "ECC_SECP384R1"), "bytes")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	svc, err := real(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, svc, id); got.Status != glance.Saving {
		t.Fatalf("after the kill: %s", got.Status)
	}
	round(t, svc)
	s := &site{dir: filepath.Join(dir, "images"), clock: &hand{now: time.Now()}}
	wantQueued(t, s, svc, id)
}
