package service_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
	"nacre/internal/glance/signature/signaturetest"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
)

const (
	importVictimEnv = "NACRE_GLANCE_IMPORT_VICTIM" // the directory of a process that kills itself
	killPointEnv    = "NACRE_GLANCE_KILL_POINT"    // the failpoint at which it does
	brokenEnv       = "NACRE_GLANCE_BROKEN_STORE"  // its second store takes no bytes
)

// broken is a store that takes nothing.
type broken struct{ blob.Store }

func (broken) Create(context.Context, string, string, int64) (blob.Writer, error) {
	return nil, errors.New("the store is broken")
}

// importer is a service with two stores, on files that several processes can open.
func importer(dir string, fail func(string)) (*service.Service, error) {
	st, err := store.Open(context.Background(), "sqlite://"+filepath.Join(dir, "glance.db"))
	if err != nil {
		return nil, err
	}
	deps := service.Deps{Store: st, Worker: "w", Config: service.DefaultConfig(), Staging: filepath.Join(dir, "staging"), Fail: fail,
		Keys: discreet{dir}}
	for _, id := range []string{"one", "two"} {
		files, err := blob.NewFile(filepath.Join(dir, id))
		if err != nil {
			return nil, err
		}
		deps.Backends = append(deps.Backends, service.Backend{ID: id, Blobs: files})
	}
	if os.Getenv(brokenEnv) != "" {
		deps.Backends[1].Blobs = broken{deps.Backends[1].Blobs}
	}
	return service.New(deps)
}

// importVictim imports what it staged and is killed, with SIGKILL, at a point.
func importVictim(dir string) {
	svc, err := importer(dir, func(point string) {
		if point == os.Getenv(killPointEnv) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		panic(err)
	}
	go func() { _ = svc.Carry(context.Background()) }()
	ctx := auth.WithCaller(context.Background(), auth.Identity{ProjectID: project, Token: token})
	img := svc.NewImage(project)
	img.ID, img.DiskFormat, img.ContainerFormat, img.Properties = killedImage, "raw", "bare", signedIn(dir)
	if _, err := svc.CreateImage(ctx, img); err != nil {
		panic(err)
	}
	if err := svc.Stage(ctx, img.ID, service.Data{Body: strings.NewReader("bytes"), Length: glance.None}); err != nil {
		panic(err)
	}
	req := service.ImportRequest{Method: service.GlanceDirect, All: true, Body: []byte("{}")}
	if err := svc.ImportImage(ctx, img.ID, req, func(glance.Image) error { return nil }); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
}

const killedImage = "0b7a4f3e-1111-4222-8333-444455556666"

// TestKillImport kills a process with SIGKILL at each point of the import of a
// signed image, also of one that is being undone. The next process ends it,
// though it knows nobody's token, and leaves nothing.
func TestKillImport(t *testing.T) {
	signer := signaturetest.New(t, "ECC_SECP384R1")
	for _, point := range service.FailPoints() {
		undoing := strings.Contains(point, ".undo.") || strings.Contains(point, ".failed.")
		t.Run(point, func(t *testing.T) { killAt(t, point, undoing, signer) })
	}
}

func killAt(t *testing.T, point string, undoing bool, signer *signaturetest.Signer) {
	dir := t.TempDir()
	signIn(t, dir, signer, "bytes")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), importVictimEnv+"="+dir, killPointEnv+"="+point)
	if undoing {
		t.Setenv(brokenEnv, "1")
		cmd.Env = append(cmd.Env, brokenEnv+"=1")
	}
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("never came to %s: %v\n%s", point, err, out)
	}
	svc, err := importer(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = svc.Carry(ctx) }()
	img := waitImported(t, svc, killedImage)
	stop()
	<-ended
	round(t, svc)
	want, bytesIn := glance.Active, []string{"one", "two"}
	if undoing {
		want, bytesIn = glance.Queued, nil
	}
	if img.Status != want {
		t.Errorf("got %+v", img)
	}
	for _, part := range []string{"one", "two", "staging"} {
		var names []string
		err := filepath.WalkDir(filepath.Join(dir, part), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				names = append(names, path)
			}
			return err
		})
		if err != nil || (len(names) == 1) != slices.Contains(bytesIn, part) || len(names) > 1 {
			t.Errorf("in %s: %v, %v", part, names, err)
		}
	}
}

// waitImported waits until nothing imports to an image, and all of it is over.
func waitImported(t *testing.T, svc *service.Service, id string) glance.Image {
	t.Helper()
	ctx := auth.WithCaller(t.Context(), auth.Identity{ProjectID: project, Admin: true})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		n, err := svc.LiveFlows(ctx) // first: what is read after the end is whole
		if err != nil {
			t.Fatal(err)
		}
		img, err := svc.Image(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 && img.Properties[glance.ImportTask] == nil {
			return img
		}
	}
	t.Fatal("the import never ended")
	return glance.Image{}
}
