package service_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
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
	return service.New(service.Deps{Store: st, Worker: "w", Config: service.DefaultConfig(),
		Backends: []service.Backend{{ID: "files", Blobs: files}}})
}

// victim uploads, says so, and never ends by itself.
func victim(dir string) {
	svc, err := real(dir)
	if err != nil {
		panic(err)
	}
	ctx := auth.WithCaller(context.Background(), auth.Identity{ProjectID: project})
	img := svc.NewImage(project)
	img.DiskFormat, img.ContainerFormat = "raw", "bare"
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

// TestKill kills a process with SIGKILL in the middle of an upload.
func TestKill(t *testing.T) {
	dir := t.TempDir()
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
