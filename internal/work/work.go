// Package work carries out the imports that a store holds, beside other processes and
// machines that do the same.
//
// A worker sweeps every second, which begins what is due, and takes runs from River, so many
// at once. Of each it does a slice: an ordinary import over the store that is stopped when
// the slice is over, as a signal would stop it, and that the next slice resumes, here or
// elsewhere. A slice is over after a window of the quota, and after a few seconds while
// others wait. All imports of a process share its connections to the store and its lease.
package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/rs/zerolog"

	"importer/internal/config"
	"importer/internal/jobs"
	"importer/internal/session"
)

// An Import carries out an import that is not open yet, until it has ended or ctx is done,
// and closes the session. It calls begun when the rows begin. It returns the exit code that
// the same import by itself would have had, with the error behind it, and prints its summary
// as one object, if it came to one.
type Import func(ctx context.Context, s *session.Session, begun func()) (exit int, err error)

// Options are what Run has to know.
type Options struct {
	Jobs   *jobs.Jobs
	Runs   int    // at once, 1 or more
	Once   bool   // end when nothing is due
	Select string // only jobs of this tag; empty: all
	Allow  Allow
	Config config.Config // of the worker: store, lease, log
	Env    session.Env   // with Store
	Log    zerolog.Logger
	Import Import
	Listen string // HOST:PORT of the page, the metrics and the checks; empty: none
}

// How long a slice lasts, from when its rows begin: see cutter.
const (
	shortSlice = 5 * time.Second // while others wait
	longSlice  = 5 * time.Minute // or a window of the quota, whichever is less
)

const (
	sweepEvery = time.Second
	fetchEvery = 500 * time.Millisecond
	heldSnooze = 2 * time.Second // of a run that another process holds
	stopBound  = 2 * time.Minute // of what is awaited at the end: a request may take as long
	maxQueues  = 100             // sets of tags that a worker serves: each is asked for by itself
)

// ErrHandedBack is the cause of the end of a context whose import another slice goes on with.
var ErrHandedBack = errors.New("this slice of the run is over, and another goes on with it")

// A worker is one process at work.
type worker struct {
	Options
	name  string
	slots chan struct{} // one value for each run that lasts here
	ctx   context.Context
	board *board

	mu     sync.Mutex
	queues []string
	told   bool // that there are too many
	ended  []Ended
}

// Ended is a run that this process brought to its end.
type Ended struct {
	Name   string
	Exit   int
	Reason string
}

// Run works until ctx is done, or with Once until nothing is due, and returns which runs
// ended here. What lasts when it ends is handed back first. It is an error where the store
// was away for longer than the lease.
func Run(ctx context.Context, o Options) ([]Ended, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine, by which others find who has a job: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &worker{Options: o, name: jobs.WorkerName(host, os.Getpid()), slots: make(chan struct{}, o.Runs), ctx: ctx}
	claim, err := o.Jobs.Worker(ctx, w.name)
	if err != nil {
		return nil, err
	}
	lease := o.Jobs.Store.Lease().Context()
	defer context.AfterFunc(lease, func() { cancel(context.Cause(lease)) })()
	w.board = newBoard(o.Jobs, lease)
	stop := func() error { return nil }
	if o.Listen != "" {
		if stop, err = w.serve(o.Listen); err != nil {
			return nil, session.Also(err, claim.Release())
		}
	}
	client, err := w.client()
	if err == nil {
		err = client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return nil, session.Also(session.Also(err, stop()), claim.Release())
	}
	w.Log.Info().Str("worker", w.name).Int("jobs", o.Runs).Str("select", o.Select).Msg("this worker takes jobs")
	err = w.loop(client)
	if len(w.slots) > 0 {
		w.Log.Info().Int("runs", len(w.slots)).Msg("this worker stops: requests in flight are awaited, and what lasts is handed back. A second signal, a second or more after the first, exits at once")
	}
	cancel(ErrHandedBack)
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
	defer done()
	if stopErr := client.Stop(stopping); stopErr != nil && err == nil {
		err = fmt.Errorf("the runs that last here were not handed back in time: %w", stopErr)
	}
	err = session.Also(err, stop())
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended, session.Also(err, claim.Release())
}

// client is that of River. It logs what goes wrong.
func (w *worker) client() (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &runner{w: w}); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(w.Log.With().Str("from", "river").Logger(), &slog.HandlerOptions{Level: slog.LevelError}))
	queue := jobs.QueueOf(nil)
	c := &river.Config{
		ID: w.name, Workers: workers, Queues: map[string]river.QueueConfig{}, JobTimeout: -1, Logger: log,
		PollOnly: true, FetchCooldown: fetchEvery / 5, FetchPollInterval: fetchEvery,
		CompletedJobRetentionPeriod: time.Hour,
	}
	if w.Select == "" {
		c.Queues[queue] = river.QueueConfig{MaxWorkers: w.Runs}
		w.queues = []string{queue}
	} else { // River wants one; nothing is ever in it
		c.Queues["none"] = river.QueueConfig{MaxWorkers: 1}
	}
	return river.NewClient(riverpgxv5.New(w.Jobs.Store.Pool()), c)
}

// loop sweeps, until the worker is to end.
func (w *worker) loop(client *river.Client[pgx.Tx]) error {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for first := true; ; first = false {
		err := w.sweep(client)
		switch {
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		case err != nil && first:
			return err
		case err != nil:
			w.Log.Error().Err(err).Msg("what is due could not be looked for; it is tried again")
		case err == nil:
			w.board.swept()
		}
		if w.Once && err == nil {
			idle, err := w.Jobs.Idle(w.ctx, w.Select, w.name)
			if err == nil && idle && len(w.slots) == 0 {
				return nil
			}
		}
		select {
		case <-every.C:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
}

// sweep begins what is due, and has River hand out jobs of tags that there were none of.
func (w *worker) sweep(client *river.Client[pgx.Tx]) error {
	swept, err := w.Jobs.Sweep(w.ctx)
	if err != nil {
		return err
	}
	if swept.Released > 0 {
		w.Log.Warn().Int64("runs", swept.Released).Msg("the lease of a worker has ended; what it had is given to others")
	}
	for _, name := range swept.Skipped {
		w.Log.Warn().Str("job", name).Msg("the job is due, and its last run still lasts: no other begins")
	}
	queues, err := w.Jobs.Queues(w.ctx, w.Select)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range queues {
		switch {
		case slices.Contains(w.queues, q):
			continue
		case len(w.queues) >= maxQueues:
			if !w.told {
				w.Log.Error().Int("sets", maxQueues).Msg("the jobs have more different sets of tags than a worker serves: those beyond wait; use fewer, or start more workers with --select")
			}
			w.told = true
			return nil
		}
		if err := client.Queues().Add(q, river.QueueConfig{MaxWorkers: w.Runs}); err != nil {
			return err
		}
		w.queues = append(w.queues, q)
	}
	return nil
}

// served are the queues of River that this worker takes jobs from.
func (w *worker) served() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.queues)
}
