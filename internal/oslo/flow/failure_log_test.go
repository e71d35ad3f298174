package flow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// TestFailureLog: the operator's log has the cause of a failure, what the
// tenant is told has not.
func TestFailureLog(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	d := dbtest.SQLite(t, nil)
	e := running(t, d, flow.Options{})
	var told error
	f := flow.Register(e, flow.Flow[state]{Name: "fetch", Steps: []flow.Step[state]{{Name: "fetch", Do: func(context.Context, *state) error {
		return fault.BadRequest("It could not be read.").Cause(errors.New("connection refused"))
	}}}, Failed: func(_ context.Context, _ *state, err error) error { told = err; return nil }})
	stop := run(t, e)
	if err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return f.Start(ctx, tx, "one", state{}) }); err != nil {
		t.Fatal(err)
	}
	_ = e.Wait(t.Context(), "fetch", "one")
	stop()
	if told == nil || strings.Contains(told.Error(), "refused") || !strings.Contains(log.String(), "It could not be read. (connection refused)") {
		t.Errorf("told %v, logged %s", told, &log)
	}
}
