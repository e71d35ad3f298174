package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nacre/internal/oslo/db"
)

// Phase is where a flow is.
type Phase string

const (
	Doing     Phase = "doing"     // Step is the next to do
	Undoing   Phase = "undoing"   // Step is the next to undo
	Failing   Phase = "failing"   // Failed has not been told yet
	Ending    Phase = "ending"    // Done has not been told yet
	Succeeded Phase = "succeeded" // finished, all steps done
	Failed    Phase = "failed"    // finished, all steps undone
)

// record is a flow's row.
type record struct {
	ID         string    `bun:"id,pk"`
	Name       string    `bun:"name"`
	Resource   string    `bun:"resource"`
	Live       string    `bun:"live,nullzero"` // name/resource until finished: unique
	Phase      Phase     `bun:"phase"`
	Step       string    `bun:"step"`
	Attempts   int64     `bun:"attempts"` // of this step in this phase
	State      string    `bun:"state"`
	Caller     string    `bun:"caller"`
	RequestID  string    `bun:"request_id"`
	Owner      string    `bun:"owner"` // "": nobody
	Fence      int64     `bun:"fence"`
	LeaseUntil time.Time `bun:"lease_until,nullzero"`
	DueAt      time.Time `bun:"due_at"`
	Cancelled  string    `bun:"cancelled"` // why, or ""
	Failure    string    `bun:"failure"`   // JSON of *Failure, or ""
	Trouble    string    `bun:"trouble"`   // last error of a step that is tried again
	Journal    []Entry   `bun:"journal"`
	CreatedAt  time.Time `bun:"created_at"`
	UpdatedAt  time.Time `bun:"updated_at"`
	FinishedAt time.Time `bun:"finished_at,nullzero"`
}

var records = db.Table[record]("nacre_flows")

// Entry is one thing a flow did.
type Entry struct {
	At    time.Time     `json:"at"`
	Phase Phase         `json:"phase"`
	Step  string        `json:"step,omitempty"`
	Took  time.Duration `json:"took"` // nanoseconds
	Error string        `json:"error,omitempty"`
}

// journalled is how many of the last entries are kept.
const journalled = 60

func (r *record) log(e Entry) {
	if len(r.Journal) >= journalled {
		r.Journal = append(r.Journal[:0:0], r.Journal[len(r.Journal)-journalled+1:]...)
	}
	r.Journal = append(r.Journal, e)
}

func (r *record) fail(f *Failure) {
	text, err := json.Marshal(f)
	if err != nil {
		text, _ = json.Marshal(&Failure{Step: f.Step, Message: f.Message, Cancel: f.Cancel})
	}
	r.Failure = string(text)
}

func (r *record) failure() *Failure {
	if r.Failure == "" {
		return nil
	}
	f := &Failure{}
	if err := json.Unmarshal([]byte(r.Failure), f); err != nil {
		f.Message = r.Failure
	}
	return f
}

// write saves what changes while a flow runs; ErrLost if the lease went to
// somebody else, ErrCancelled if the flow is to be undone instead.
func (e *Engine) write(ctx context.Context, q db.Q, r *record) error {
	r.UpdatedAt = e.clock.Now()
	set := `UPDATE nacre_flows SET phase = ?, step = ?, attempts = ?, state = ?, owner = ?, lease_until = ?, due_at = ?,
		failure = ?, trouble = ?, journal = ?, updated_at = ?, finished_at = ?, live = ? WHERE id = ? AND fence = ?`
	if r.Failure == "" {
		set += " AND cancelled = ''"
	}
	n, err := db.Exec(ctx, q, set, r.Phase, r.Step, r.Attempts, r.State, r.Owner, orNull(r.LeaseUntil), r.DueAt,
		r.Failure, r.Trouble, r.Journal, r.UpdatedAt, orNull(r.FinishedAt), orNull(r.Live), r.ID, r.Fence)
	if err != nil || n == 1 {
		return err
	}
	now, err := db.One(ctx, q, records.Select("id = ? AND fence = ?", r.ID, r.Fence))
	if err == nil && now.Cancelled != "" {
		r.Cancelled = now.Cancelled
		return ErrCancelled
	}
	return ErrLost
}

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// claim takes the lease of up to n due flows that nobody holds. Who stood still
// for longer than its lease holds a flow on: keep extends it.
func (e *Engine) claim(ctx context.Context, n int) ([]record, error) {
	now := e.clock.Now()
	due, err := db.All(ctx, e.db, records.Select("finished_at IS NULL AND due_at <= ?", now).
		Where("owner = '' OR lease_until < ?", now).In("name", e.names()).OrderBy("due_at", "id").Limit(n))
	if err != nil {
		return nil, fmt.Errorf("look for flows: %w", err)
	}
	var taken []record
	for _, r := range due {
		if r.Owner == e.owner && e.inHand(r.ID) {
			continue
		}
		r.Owner, r.LeaseUntil = e.owner, now.Add(e.lease)
		got, err := db.Exec(ctx, e.db, `UPDATE nacre_flows SET owner = ?, lease_until = ?, fence = fence + 1
			WHERE id = ? AND fence = ? AND finished_at IS NULL`, r.Owner, r.LeaseUntil, r.ID, r.Fence)
		if err != nil {
			return taken, fmt.Errorf("claim flow %s: %w", r.ID, err)
		}
		if got == 1 {
			r.Fence++
			taken = append(taken, r)
		}
	}
	return taken, nil
}

// reclaim frees what an earlier process of this owner held.
func (e *Engine) reclaim(ctx context.Context) error {
	_, err := db.Exec(ctx, e.db, "UPDATE nacre_flows SET owner = '', lease_until = NULL WHERE owner = ? AND finished_at IS NULL", e.owner)
	return err
}

// release gives a lease back at once.
func (e *Engine) release(ctx context.Context, r *record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	db.Exec(ctx, e.db, "UPDATE nacre_flows SET owner = '', lease_until = NULL WHERE id = ? AND fence = ? AND owner = ?", r.ID, r.Fence, e.owner)
}

// renew extends the leases of ids and returns the fencing number of each that
// is still ours.
func (e *Engine) renew(ctx context.Context, ids []string, until time.Time) (map[string]int64, error) {
	_, err := db.Exec(ctx, e.db, "UPDATE nacre_flows SET lease_until = ? WHERE owner = ? AND finished_at IS NULL AND id IN (?)", until, e.owner, db.List(ids))
	if err != nil {
		return nil, err
	}
	type held struct {
		ID    string `bun:"id"`
		Fence int64  `bun:"fence"`
	}
	rows, err := db.Scan[held](ctx, e.db, "SELECT id, fence FROM nacre_flows WHERE (owner = ? OR finished_at IS NOT NULL) AND id IN (?)",
		e.owner, db.List(ids)) // a flow that a step's own transaction has just finished is not lost
	ours := make(map[string]int64, len(rows))
	for _, r := range rows {
		ours[r.ID] = r.Fence
	}
	return ours, err
}

// purge forgets flows that finished long ago.
func (e *Engine) purge(ctx context.Context) error {
	_, err := db.Exec(ctx, e.db, "DELETE FROM nacre_flows WHERE finished_at < ?", e.clock.Now().Add(-e.retain))
	return err
}

// View is a flow as operators see it.
type View struct {
	ID, Name, Key, RequestID string
	Phase                    Phase
	Step                     string // next to do or undo
	Attempts                 int
	Failure                  *Failure // why it is or was undone
	Trouble                  string   // why the step is tried again
	Cancelled                string
	Owner                    string
	State                    json.RawMessage
	Journal                  []Entry
	CreatedAt, UpdatedAt     time.Time
	DueAt, FinishedAt        time.Time // FinishedAt is zero while it lives
}

func (r *record) view() View {
	return View{ID: r.ID, Name: r.Name, Key: r.Resource, RequestID: r.RequestID, Phase: r.Phase, Step: r.Step,
		Attempts: int(r.Attempts), Failure: r.failure(), Trouble: r.Trouble, Cancelled: r.Cancelled, Owner: r.Owner,
		State: json.RawMessage(r.State), Journal: r.Journal, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		DueAt: r.DueAt, FinishedAt: r.FinishedAt}
}

// Flows are the flows of a resource, newest first; with key "" all that live.
func (e *Engine) Flows(ctx context.Context, key string) ([]View, error) {
	q := records.Select("").WhereIf(key != "", "resource = ?", key).WhereIf(key == "", "finished_at IS NULL")
	rows, err := db.All(ctx, e.db, q.OrderBy("created_at DESC", "id"))
	views := make([]View, len(rows))
	for i := range rows {
		views[i] = rows[i].view()
	}
	return views, err
}
